# Does not let go when it is told to: cleans up for as long as it worked.
class StubbornWorker < RecordedWorker
  private

  def work(seconds)
    sleep(seconds)
  ensure
    sleep(seconds)
  end
end
