# As Mastodon's, in what concerns a dyno.
environment 'production'
threads 3, 3
workers ENV.fetch('WEB_CONCURRENCY', 0).to_i
socket = ENV['SOCKET']
bind socket ? "unix://#{socket}" : "tcp://127.0.0.1:#{ENV.fetch('PORT')}"
