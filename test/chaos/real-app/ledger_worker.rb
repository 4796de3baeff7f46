require 'sidekiq'
require 'fileutils'
require File.join(Dir.pwd, 'ledger')

# Notes its start, and how it ended: by itself, or told to give up.
class LedgerWorker
  include Sidekiq::Worker

  def perform(seconds, lingering_seconds)
    Ledger.note('job', jid, 'started')
    work(seconds, lingering_seconds)
    Ledger.note('job', jid, 'finished')
  end

  private

  def work(seconds, lingering_seconds)
    sleep(seconds)
  rescue Exception # Sidekiq::Shutdown is an Interrupt
    Ledger.note('job', jid, 'stopped')
    sleep(lingering_seconds)
    raise
  end
end

# By itself it ends where Redis does not answer while it boots.
at_exit { Ledger.note('end', 'sidekiq', "code#{$!.status}") if $!.is_a?(SystemExit) } if Sidekiq.server?

# What Mastodon's initializer does.
unless defined?(Rails)
  Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)
  Sidekiq.configure_server do |config|
    file = File.join('tmp', ENV.fetch('MASTODON_SIDEKIQ_READY_FILENAME'))
    config.on(:startup) { FileUtils.touch(file) }
    config.on(:shutdown) { FileUtils.rm_f(file) }
  end
end
