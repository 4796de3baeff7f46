# Sidekiq 6 uses the gem redis, which warns on each call. Sidekiq 7 uses redis-client, and does not load the constant Redis.
Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)

ready = ENV['MASTODON_SIDEKIQ_READY_FILENAME']
raise "#{ready} is not a bare file name" if ready && File.basename(ready) != ready

Sidekiq.configure_server do |config|
  if ready
    file = Rails.root.join('tmp', ready)
    config.on(:startup) { FileUtils.mkdir_p(file.dirname) && FileUtils.touch(file) }
    config.on(:shutdown) { FileUtils.rm_f(file) }
  end
end
