# Runs another program, as media processing does. Fails if that program is killed.
class ExternalWorker < RecordedWorker
  private

  def work(seconds)
    system('sleep', seconds.to_s, exception: true)
  end
end
