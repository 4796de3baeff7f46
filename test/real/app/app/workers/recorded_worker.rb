# Records its start and its end in Redis, so that a test knows which jobs ran, and how often.
class RecordedWorker
  include Sidekiq::Worker

  def perform(seconds)
    record('started')
    work(seconds)
    record('finished')
  end

  private

  def work(seconds)
    sleep(seconds)
  end

  def record(event)
    Sidekiq.redis { |redis| redis.rpush("runs:#{event}", jid) }
  end
end
