# Writes one line for each event, at once and independently of Redis. Concurrent writers do not mix their lines.
module Events
  def self.record(kind, id, event)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)
    File.write(ENV.fetch('CHAOS_EVENTS'), "#{kind} #{id} #{event} #{Process.pid} #{now.round(3)}\n", mode: 'a')
  end
end
