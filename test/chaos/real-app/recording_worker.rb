require 'sidekiq'
require 'fileutils'
require File.join(Dir.pwd, 'events')

# Records its start, and whether it finished or was interrupted.
class RecordingWorker
  include Sidekiq::Worker

  def perform(seconds, lingering_seconds)
    Events.record('job', jid, 'started')
    work(seconds, lingering_seconds)
    Events.record('job', jid, 'finished')
  end

  private

  def work(seconds, lingering_seconds)
    sleep(seconds)
  rescue Exception # Sidekiq::Shutdown is an Interrupt
    Events.record('job', jid, 'interrupted')
    sleep(lingering_seconds)
    raise
  end
end

# Sidekiq exits unrequested when Redis does not answer while it boots.
at_exit { Events.record('exit', 'sidekiq', "code#{$!.status}") if $!.is_a?(SystemExit) } if Sidekiq.server?

# What Mastodon's initializer does.
unless defined?(Rails)
  Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)
  Sidekiq.configure_server do |config|
    file = File.join('tmp', ENV.fetch('MASTODON_SIDEKIQ_READY_FILENAME'))
    config.on(:startup) { FileUtils.touch(file) }
    config.on(:shutdown) { FileUtils.rm_f(file) }
  end
end
