# As Mastodon's, without a cluster.
environment 'production'
threads 3, 3
rackup "#{__dir__}/config.ru"
socket = ENV['SOCKET']
bind socket ? "unix://#{socket}" : "tcp://127.0.0.1:#{ENV.fetch('PORT')}"
