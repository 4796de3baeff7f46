# Lets another program do the work, as media processing does; fails when that program is ended early.
class ExternalWorker < RecordedWorker
  private

  def work(seconds)
    system('sleep', seconds.to_s, exception: true)
  end
end
