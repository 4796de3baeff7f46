# Has ImageMagick work on a picture, as media processing does; fails when that is ended early, so that it is retried.
class ConvertWorker < RecordedWorker
  private

  def work(picture)
    system(ENV.fetch('CONVERT', 'convert'), picture, '-resize', '50%', '-blur', '0x4', "#{picture}.#{jid}.jpg", exception: true)
  end
end
