# Leaks memory: keeps what it allocates.
class LeakingWorker < RecordedWorker
  KEPT = []

  private

  def work(kilobytes)
    KEPT << Array.new(kilobytes) { Random.bytes(1024) }
  end
end
