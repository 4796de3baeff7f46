# The settings of Mastodon's config/puma.rb that matter to a dyno.
environment 'production'
threads 3, 3
workers ENV.fetch('WEB_CONCURRENCY', 0).to_i
socket = ENV['SOCKET']
bind socket ? "unix://#{socket}" : "tcp://127.0.0.1:#{ENV.fetch('PORT')}"

# Ruby 3.3.8 with puma 6.6: a signal handler that writes to the pipe which puma's server thread closes can leave that thread in
# IO#close for ever (puma/server.rb, handle_servers). A write from another thread than the handler's avoids it.
if RUBY_VERSION.start_with?('3.3.')
  require 'puma/server'
  Puma::Server.prepend(Module.new do
    private

    def notify_safely(message)
      Thread.new { super(message) }
    end
  end)
end
