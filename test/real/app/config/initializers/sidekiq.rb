Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=) # Sidekiq 6 on redis 4.8: a line per call

ready = ENV['MASTODON_SIDEKIQ_READY_FILENAME']
raise "#{ready} is not a bare file name" if ready && File.basename(ready) != ready

Sidekiq.configure_server do |config|
  if ready
    file = Rails.root.join('tmp', ready)
    config.on(:startup) { FileUtils.mkdir_p(file.dirname) && FileUtils.touch(file) }
    config.on(:shutdown) { FileUtils.rm_f(file) }
  end
end
