# One puma with two listeners: the socket of the proxies, and a port for requests without a proxy.
threads 5, 5
workers 0
persistent_timeout 20
bind "unix://#{ENV.fetch('SOCKET')}"
bind "tcp://127.0.0.1:#{ENV.fetch('BENCH_PORT')}"
File.write(File.join(ENV.fetch('BENCH_FOLDER'), 'socket'), ENV.fetch('SOCKET'))
