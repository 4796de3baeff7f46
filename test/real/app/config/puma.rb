def number(name, default)
  ENV.fetch(name, default).to_i
end

max_threads = number('MAX_THREADS', 5)
threads number('MIN_THREADS', max_threads), max_threads
persistent_timeout number('PERSISTENT_TIMEOUT', 20)
workers number('WEB_CONCURRENCY', 2)
preload_app!

socket = ENV['SOCKET']
bind socket ? "unix://#{socket}" : "tcp://#{ENV.fetch('BIND', '127.0.0.1')}:#{ENV.fetch('PORT', 3000)}"

# Ruby 3.3.8 with puma 6.6: if a signal handler writes to the pipe that puma's server thread closes, that thread can hang in IO#close
# (puma/server.rb, handle_servers). A write from another thread avoids it.
if RUBY_VERSION.start_with?('3.3.')
  require 'puma/server'
  Puma::Server.prepend(Module.new do
    private

    def notify_safely(message)
      Thread.new { super(message) }
    end
  end)
end
