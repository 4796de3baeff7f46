def number(name, default)
  ENV.fetch(name, default).to_i
end

most = number('MAX_THREADS', 5)
threads number('MIN_THREADS', most), most
persistent_timeout number('PERSISTENT_TIMEOUT', 20)
workers number('WEB_CONCURRENCY', 2)
preload_app!

socket = ENV['SOCKET']
bind socket ? "unix://#{socket}" : "tcp://#{ENV.fetch('BIND', '127.0.0.1')}:#{ENV.fetch('PORT', 3000)}"
