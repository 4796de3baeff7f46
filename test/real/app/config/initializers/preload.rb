# As much as the code of a grown application takes: loaded once, by the master of puma's cluster, and shared.
PRELOADED = Array.new(ENV.fetch('PRELOAD_MB', 0).to_i * 6000) { Random.bytes(120) }
