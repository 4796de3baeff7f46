import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { knobs } from './knobs.ts';
import { log } from './sidekiq-log.ts';

const workers: Readonly<Record<string, string>> = {
  default: 'DistributionWorker',
  push: 'ActivityPub::DeliveryWorker',
  ingress: 'ActivityPub::ProcessingWorker',
  mailers: 'ActionMailer::MailDeliveryJob',
  pull: 'ThreadResolveWorker',
  scheduler: 'Scheduler::UserCleanupScheduler',
};

/** Pretend jobs: one now and then, never more than `threads` at a time, from the queues as often as they are listed. */
export class Jobs {
  readonly #threads: number;
  readonly #queues: readonly string[];
  readonly #inHand = new Map<string, Promise<void>>();
  readonly #cut = new AbortController();
  #clock: NodeJS.Timeout | undefined;
  #quiet = false;

  constructor(threads: number, queues: readonly string[]) {
    this.#threads = threads;
    this.#queues = queues;
  }

  start(): void {
    this.#clock = setInterval(() => this.#take(), knobs.jobEveryMs);
    this.#take();
  }

  quiet(): void {
    this.#quiet = true;
    this.#showBusy();
  }

  /** Lets the jobs in hand end within `timeoutMs`; the others go back to where they came from. */
  async finish(timeoutMs: number): Promise<void> {
    this.quiet();
    clearInterval(this.#clock);
    const late = setTimeout(timeoutMs, undefined, { signal: this.#cut.signal }).catch(() => undefined);
    await Promise.race([late, Promise.all(this.#inHand.values())]);
    const count = this.#inHand.size;
    if (count > 0) log(`Terminating ${count} busy threads`, {}, 'WARN');
    this.#cut.abort();
    await Promise.all(this.#inHand.values());
    if (count > 0) log(`Pushed ${count} jobs back to Redis`);
  }

  #take(): void {
    if (this.#quiet || this.#inHand.size >= this.#threads) return;
    const queue = this.#queues[Math.floor(Math.random() * this.#queues.length)] ?? 'default';
    const jid = randomBytes(12).toString('hex');
    this.#inHand.set(jid, this.#perform(jid, { class: workers[queue] ?? `${queue}Worker`, jid, queue }));
    this.#showBusy();
  }

  async #perform(jid: string, context: Record<string, string>): Promise<void> {
    const since = performance.now();
    log('start', context);
    const end = await setTimeout(knobs.jobMs, 'done', { signal: this.#cut.signal }).catch(() => 'fail');
    log(end, { ...context, elapsed: ((performance.now() - since) / 1000).toFixed(3) });
    this.#inHand.delete(jid);
    this.#showBusy();
  }

  /** Where the real one shows it, and where a supervisor can read it: the command line. */
  #showBusy(): void {
    const stopping = this.#quiet ? ' stopping' : '';
    process.title = `sidekiq 8.1.6 stand-in [${this.#inHand.size} of ${this.#threads} busy]${stopping}`;
  }
}
