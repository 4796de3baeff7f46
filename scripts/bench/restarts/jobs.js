// The jobs of one lane: there are always more than its sidekiq can take, each as long as chance will have it.
import { Ledger } from '../../memory/ledger.js';

/** More than five threads finish in the longest life of a dyno. */
const ENOUGH = 60;
const [SHORTEST_S, LONGEST_S] = [0.5, 12];

export class Jobs {
  #redis;
  #chance;
  #ledger;
  #before = { started: 0, finished: 0 };

  constructor(redis, chance) {
    this.#redis = redis;
    this.#chance = chance;
    this.#ledger = new Ledger(redis);
  }

  /** Fills the queue for the next life. Nothing may be running. */
  async beginLife() {
    const missing = ENOUGH - (await this.#redis.ask('llen', 'queue:default'));
    for (let count = 0; count < missing; count += 1) {
      await this.#ledger.enqueue(1, 'RecordedWorker', Math.round(10 * this.#chance(SHORTEST_S, LONGEST_S)) / 10);
    }
    this.#before = await this.#runs();
  }

  /** Jobs of this life that have started, and those of them that have not finished. */
  async now() {
    const { started, finished } = await this.#runs();
    const startedNow = started - this.#before.started;
    return { started: startedNow, inHand: startedNow - (finished - this.#before.finished) };
  }

  /** What became of all jobs, once nothing runs any more: `lost` are neither done, nor in the queue, nor to be retried. */
  async outcome() {
    const { enqueued, done, queued, retried, lost } = await this.#ledger.count();
    const { finished } = await this.#runs();
    return { enqueued, done, waiting: queued + retried, lost, doneTwice: finished - done };
  }

  async #runs() {
    const [started, finished] = await Promise.all([
      this.#redis.ask('llen', 'runs:started'),
      this.#redis.ask('llen', 'runs:finished'),
    ]);
    return { started, finished };
  }
}
