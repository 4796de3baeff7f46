// The jobs of one worker's dyno: always more than its sidekiq can take, of random length.
import { JobTracker } from '../../dyno/job-tracker.ts';
import type { Redis } from '../../dyno/redis.ts';

/** A random number in this range. */
export type RandomBetween = (from: number, to: number) => number;
/** `waiting`: in the queue or in the retry set; `lost`: neither done nor waiting. */
export type JobOutcome = { enqueued: number; done: number; waiting: number; lost: number; doneTwice: number };
type Runs = { started: number; finished: number };

/** More than five threads can finish before a restart. */
const QUEUE_LENGTH = 60;
const [SHORTEST_S, LONGEST_S] = [0.5, 12];

export class RestartJobs {
  readonly #redis: Redis;
  readonly #random: RandomBetween;
  readonly #tracker: JobTracker;
  #before: Runs = { started: 0, finished: 0 };

  constructor(redis: Redis, random: RandomBetween) {
    this.#redis = redis;
    this.#random = random;
    this.#tracker = new JobTracker(redis);
  }

  /** Fills the queue before the dyno starts. No job may be running. */
  async fillQueue(): Promise<void> {
    const missing = QUEUE_LENGTH - (await this.#redis.count('llen', 'queue:default'));
    for (let count = 0; count < missing; count += 1) {
      const seconds = Math.round(10 * this.#random(SHORTEST_S, LONGEST_S)) / 10;
      await this.#tracker.enqueue({ count: 1, worker: 'RecordedWorker', argument: seconds });
    }
    this.#before = await this.#runs();
  }

  /** Jobs that started since `fillQueue`, and those of them that have not finished. */
  async now(): Promise<{ started: number; inHand: number }> {
    const { started, finished } = await this.#runs();
    const startedNow = started - this.#before.started;
    return { started: startedNow, inHand: startedNow - (finished - this.#before.finished) };
  }

  /** What became of all jobs, once none is running. */
  async outcome(): Promise<JobOutcome> {
    const { enqueued, done, queued, retried, lost } = await this.#tracker.count();
    const { finished } = await this.#runs();
    return { enqueued, done, waiting: queued + retried, lost, doneTwice: finished - done };
  }

  async #runs(): Promise<Runs> {
    const [started, finished] = await Promise.all([
      this.#redis.count('llen', 'runs:started'),
      this.#redis.count('llen', 'runs:finished'),
    ]);
    return { started, finished };
  }
}
