# Does not stop in time on Sidekiq::Shutdown: its cleanup takes as long as its work.
class StubbornWorker < RecordedWorker
  private

  def work(seconds)
    sleep(seconds)
  ensure
    sleep(seconds)
  end
end
