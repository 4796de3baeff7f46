# As much memory as the code of a large application needs. The master of puma's cluster loads it once, and the workers share it.
PRELOADED = Array.new(ENV.fetch('PRELOAD_MB', 0).to_i * 6000) { Random.bytes(120) }
