# Waits for an instant, then runs `convert` or enqueues jobs that leak 40 MB a second for 11 s.
class InstantWorker < RecordedWorker
  private

  def work(order)
    what, instant = order.split
    sleep([instant.to_f - Time.now.to_f, 0].max)
    return system(ENV.fetch('CONVERT'), exception: true) if what == 'convert'

    110.times do
      LeakingWorker.perform_async(4096)
      sleep(0.1)
    end
  end
end
