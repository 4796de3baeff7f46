import { setTimeout as wait } from 'node:timers/promises';
import { knobs } from './knobs.ts';
import { idleJob, type Job } from './pretend-job.ts';
import { log } from './sidekiq-log.ts';

/** Pretend jobs: one now and then, never more than `threads` at a time, from the queues as often as they are listed. */
export class Jobs {
  readonly #threads: number;
  readonly #queues: readonly string[];
  readonly #inHand = new Map<Job, Promise<void>>();
  /** Added from outside, or due for another try. */
  readonly #waiting: Job[] = [];
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

  /** Takes it as soon as a thread is free; gives why not where it takes nothing any more. */
  add(job: Job): string | null {
    if (this.#quiet) return 'sidekiq takes no new jobs any more';
    this.#waiting.push(job);
    this.#take();
    return null;
  }

  quiet(): void {
    this.#quiet = true;
    this.#showBusy();
  }

  /** Lets the jobs in hand end within `timeoutMs`; the others go back to where they came from. */
  async finish(timeoutMs: number): Promise<void> {
    this.quiet();
    clearInterval(this.#clock);
    const late = wait(timeoutMs, undefined, { signal: this.#cut.signal }).catch(() => undefined);
    await Promise.race([late, Promise.all(this.#inHand.values())]);
    const count = this.#inHand.size;
    if (count > 0) {
      log(`Terminating ${count} busy threads`, {}, 'WARN');
      log(`Pushed ${count} jobs back to Redis`);
    }
    this.#cut.abort();
    await Promise.all(this.#inHand.values());
  }

  /** What waits comes first, else one more of the usual. */
  #take(): void {
    if (this.#quiet || this.#inHand.size >= this.#threads) return;
    const queue = this.#queues[Math.floor(Math.random() * this.#queues.length)] ?? 'default';
    const job = this.#waiting.shift() ?? idleJob(queue);
    this.#inHand.set(job, this.#perform(job));
    this.#showBusy();
  }

  async #perform(job: Job): Promise<void> {
    const since = performance.now();
    const context = { class: job.class, jid: job.jid, queue: job.queue };
    log('start', context);
    const error: unknown = await job.work(this.#cut.signal).then(
      () => null,
      (reason: unknown) => reason,
    );
    log(error === null ? 'done' : 'fail', { ...context, elapsed: ((performance.now() - since) / 1000).toFixed(3) });
    if (error !== null && !this.#cut.signal.aborted) this.#retry(job, error);
    this.#inHand.delete(job);
    this.#showBusy();
    if (this.#waiting.length > 0) this.#take();
  }

  /** Sidekiq's own delays: 15 s after the first failure, then 16, 31, 96 … */
  #retry(job: Job, error: unknown): void {
    const context = JSON.stringify({ context: 'Job raised exception', job: { class: job.class, jid: job.jid } });
    log(context, {}, 'WARN');
    log(`RuntimeError: ${error instanceof Error ? error.message : String(error)}`, {}, 'WARN');
    const afterMs = knobs.scaledMs(((job.failures++) ** 4 + 15) * 1000);
    setTimeout(() => this.add(job), afterMs).unref();
  }

  /** Where the real one shows it, and where a supervisor can read it: the command line. */
  #showBusy(): void {
    const stopping = this.#quiet ? ' stopping' : '';
    process.title = `sidekiq 8.1.6 stand-in [${this.#inHand.size} of ${this.#threads} busy]${stopping}`;
  }
}
