# Keeps what it should let go.
class LeakingWorker < RecordedWorker
  KEPT = []

  private

  def work(kilobytes)
    KEPT << Array.new(kilobytes) { Random.bytes(1024) }
  end
end
