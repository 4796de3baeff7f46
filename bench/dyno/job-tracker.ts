// Enqueues Sidekiq jobs and finds out what became of each.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from './redis.ts';

/** `argument`: the only argument of `perform`. */
export type JobBatch = { count: number; worker: string; argument: number | string };
/** `lost`: neither done, nor in the queue, nor in the retry set. While sidekiq runs, these are the jobs in progress. */
export type JobCounts = { enqueued: number; done: number; queued: number; retried: number; lost: number };

/** Longer than any job of these runs, and than a dyno needs to start again. */
const SETTLED_AFTER_MS = 8000;
const POLL_MS = 250;

export class JobTracker {
  readonly #redis: Redis;
  readonly #ids: string[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
    void this.#redis.ask('sadd', 'queues', 'default');
  }

  get enqueued(): number {
    return this.#ids.length;
  }

  /** Adds jobs to the queue as Sidekiq's client does. */
  async enqueue({ count, worker, argument }: JobBatch): Promise<void> {
    const ids = Array.from({ length: count }, () => randomBytes(12).toString('hex'));
    const now = Date.now() / 1000;
    const rest = { queue: 'default', retry: true, created_at: now, enqueued_at: now };
    const jobs = ids.map((jid) => JSON.stringify({ class: worker, args: [argument], jid, ...rest }));
    this.#ids.push(...ids);
    await this.#redis.ask('lpush', 'queue:default', ...jobs);
  }

  /** Adds the batch every `everyMs`, until `stop`. */
  enqueueEvery(everyMs: number, batch: JobBatch): void {
    this.#timers.push(setInterval(() => void this.enqueue(batch), everyMs));
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Resolves with the counts once every job is accounted for, or none has been done for a while. */
  async settle(): Promise<JobCounts> {
    let last = await this.count();
    for (let stillMs = 0; last.queued + last.lost > 0 && stillMs < SETTLED_AFTER_MS; stillMs += POLL_MS) {
      await pause(POLL_MS);
      const counts = await this.count();
      if (counts.done !== last.done) stillMs = 0;
      last = counts;
    }
    return last;
  }

  async count(): Promise<JobCounts> {
    const [finished, queue, retries] = await Promise.all([
      this.#redis.list('lrange', 'runs:finished', 0, -1),
      this.#redis.list('lrange', 'queue:default', 0, -1),
      this.#redis.list('zrange', 'retry', 0, -1),
    ]);
    const [done, queued, retried] = [new Set(finished), idsOf(queue), idsOf(retries)];
    const lost = this.#ids.filter((id) => !done.has(id) && !queued.has(id) && !retried.has(id));
    return {
      enqueued: this.enqueued,
      done: done.size,
      queued: queued.size,
      retried: retried.size,
      lost: lost.length,
    };
  }
}

function idsOf(jobs: readonly string[]): Set<string> {
  return new Set(jobs.map((job) => (JSON.parse(job) as { jid: string }).jid));
}
