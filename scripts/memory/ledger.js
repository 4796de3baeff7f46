// Every job that was handed in, and what has become of it.
import { randomBytes } from 'node:crypto';
import { clearInterval } from 'node:timers';
import { setTimeout as pause } from 'node:timers/promises';

/** Longer than any job of these runs, and than a dyno needs to start again. */
const STILL_MS = 8000;
const LOOK_MS = 250;

export class Ledger {
  #redis;
  #ids = [];
  #timers = [];

  constructor(redis) {
    this.#redis = redis;
    this.#redis.ask('sadd', 'queues', 'default');
  }

  get enqueued() {
    return this.#ids.length;
  }

  /** Puts jobs into the queue as Sidekiq's client does. */
  enqueue(count, worker, argument) {
    const ids = Array.from({ length: count }, () => randomBytes(12).toString('hex'));
    const now = Date.now() / 1000;
    const rest = { queue: 'default', retry: true, created_at: now, enqueued_at: now };
    const jobs = ids.map((jid) => JSON.stringify({ class: worker, args: [argument], jid, ...rest }));
    this.#ids.push(...ids);
    return this.#redis.ask('lpush', 'queue:default', ...jobs);
  }

  /** `count` jobs every `everyMs`, until `stop`. */
  keepEnqueueing(everyMs, ...jobs) {
    this.#timers.push(setInterval(() => void this.enqueue(...jobs), everyMs));
  }

  stop() {
    this.#timers.splice(0).forEach((timer) => clearInterval(timer));
  }

  /** What became of all jobs, once nothing has moved for a while. `lost`: neither done, nor in a queue or retry set. */
  async settle() {
    let last = await this.count();
    for (let stillMs = 0; last.queued + last.lost > 0 && stillMs < STILL_MS; stillMs += LOOK_MS) {
      await pause(LOOK_MS);
      const count = await this.count();
      if (count.done !== last.done) stillMs = 0;
      last = count;
    }
    return last;
  }

  /** The same at this moment: `lost` are then the jobs in hand. */
  async count() {
    const [done, queue, retries] = await Promise.all([
      this.#redis.ask('lrange', 'runs:finished', 0, -1),
      this.#redis.ask('lrange', 'queue:default', 0, -1),
      this.#redis.ask('zrange', 'retry', 0, -1),
    ]);
    const [isDone, isQueued, isRetried] = [new Set(done), ids(queue), ids(retries)];
    const lost = this.#ids.filter((id) => !isDone.has(id) && !isQueued.has(id) && !isRetried.has(id));
    const [queued, retried] = [isQueued.size, isRetried.size];
    return { enqueued: this.enqueued, done: isDone.size, queued, retried, lost: lost.length };
  }
}

function ids(jobs) {
  return new Set(jobs.map((job) => JSON.parse(job).jid));
}
