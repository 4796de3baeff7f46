# Records the start and the end of each job in Redis.
require 'sidekiq'
Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)

class RecordedWorker
  include Sidekiq::Worker

  def perform(seconds)
    record('started')
    sleep(seconds)
    record('finished')
  end

  private

  def record(what)
    Sidekiq.redis { |redis| redis.rpush("runs:#{what}", jid) }
  end
end
