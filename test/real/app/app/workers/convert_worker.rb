# Runs ImageMagick on a picture, as media processing does. Fails if that is killed, so that the job is retried.
class ConvertWorker < RecordedWorker
  private

  def work(picture)
    system(ENV.fetch('CONVERT', 'convert'), picture, '-resize', '50%', '-blur', '0x4', "#{picture}.#{jid}.jpg", exception: true)
  end
end
