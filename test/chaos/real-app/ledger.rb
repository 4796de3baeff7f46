# One line for each thing that happens, whole whoever else writes, and independent of Redis.
module Ledger
  def self.note(*words)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)
    File.write(ENV.fetch('CHAOS_LEDGER'), "#{[*words, Process.pid, now.round(3)].join(' ')}\n", mode: 'a')
  end
end
