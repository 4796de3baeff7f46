import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { convert } from './convert.ts';
import { options } from './env-options.ts';
import { writeLine } from './write-line.ts';

/** Runs pretend jobs at an interval, at most `threads` at a time. Queues are chosen by weight. */
export class Jobs {
  readonly #threads: number;
  readonly #queues: readonly string[];
  readonly #busy = new Map<Job, Promise<void>>();
  /** Jobs added from outside or due for a retry. */
  readonly #queue: Job[] = [];
  readonly #abort = new AbortController();
  #clock: NodeJS.Timeout | undefined;
  #quiet = false;

  constructor(threads: number, queues: readonly string[]) {
    this.#threads = threads;
    this.#queues = queues;
  }

  start(): void {
    this.#clock = setInterval(() => this.#startNext(), options.jobEveryMs);
    this.#startNext();
  }

  /** Starts the job as soon as a thread is free. Returns an error after quiet. */
  add(job: Job): string | null {
    if (this.#quiet) return 'sidekiq takes no new jobs any more';
    this.#queue.push(job);
    this.#startNext();
    return null;
  }

  quiet(): void {
    this.#quiet = true;
    this.#showBusy();
  }

  /** Waits up to `timeoutMs` for running jobs. The others go back to their queue. */
  async finish(timeoutMs: number): Promise<void> {
    this.quiet();
    clearInterval(this.#clock);
    const late = wait(timeoutMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    await Promise.race([late, Promise.all(this.#busy.values())]);
    const count = this.#busy.size;
    if (count > 0) {
      log(`Terminating ${count} busy threads`, {}, 'WARN');
      log(`Pushed ${count} jobs back to Redis`);
    }
    this.#abort.abort();
    await Promise.all(this.#busy.values());
  }

  /** Queued jobs come before new pretend jobs. */
  #startNext(): void {
    if (this.#quiet || this.#busy.size >= this.#threads) return;
    const queue = this.#queues[Math.floor(Math.random() * this.#queues.length)] ?? 'default';
    const job = this.#queue.shift() ?? idleJob(queue);
    this.#busy.set(job, this.#run(job));
    this.#showBusy();
  }

  async #run(job: Job): Promise<void> {
    const since = performance.now();
    const context = { class: job.class, jid: job.jid, queue: job.queue };
    log('start', context);
    const error: unknown = await job.run(this.#abort.signal).then(
      () => null,
      (reason: unknown) => reason,
    );
    log(error === null ? 'done' : 'fail', { ...context, elapsed: ((performance.now() - since) / 1000).toFixed(3) });
    if (error !== null && !this.#abort.signal.aborted) this.#retry(job, error);
    this.#busy.delete(job);
    this.#showBusy();
    if (this.#queue.length > 0) this.#startNext();
  }

  /** Sidekiq's own delays: 15 s after the first failure, then 16, 31, 96 … */
  #retry(job: Job, error: unknown): void {
    const context = JSON.stringify({ context: 'Job raised exception', job: { class: job.class, jid: job.jid } });
    log(context, {}, 'WARN');
    log(`RuntimeError: ${error instanceof Error ? error.message : String(error)}`, {}, 'WARN');
    const afterMs = options.scale(((job.failures++) ** 4 + 15) * 1000);
    setTimeout(() => this.add(job), afterMs).unref();
  }

  /** In the process title, where sidekiq shows it and a supervisor can read it. */
  #showBusy(): void {
    const stopping = this.#quiet ? ' stopping' : '';
    process.title = `sidekiq 8.1.6 stand-in [${this.#busy.size} of ${this.#threads} busy]${stopping}`;
  }
}

/** `work` rejects when the job fails or is interrupted. */
type Job = {
  jid: string;
  queue: string;
  class: string;
  /** Failures so far. */
  failures: number;
  run: (cut: AbortSignal) => Promise<unknown>;
};

const CLASSES: Readonly<Record<string, string>> = {
  default: 'DistributionWorker',
  push: 'ActivityPub::DeliveryWorker',
  ingress: 'ActivityPub::ProcessingWorker',
  mailers: 'ActionMailer::MailDeliveryJob',
  pull: 'ThreadResolveWorker',
  scheduler: 'Scheduler::UserCleanupScheduler',
};

/** A job that only takes time. */
function idleJob(queue: string): Job {
  const work = (signal: AbortSignal): Promise<unknown> => wait(options.jobMs, undefined, { signal });
  return newJob(queue, CLASSES[queue] ?? `${queue}Worker`, work);
}

/** A job that runs a `convert` of this size. */
export function convertJob(bytes: number): Job {
  return newJob('default', 'PostProcessMediaWorker', (cut) => convert(bytes, cut));
}

function newJob(queue: string, name: string, work: Job['run']): Job {
  return { jid: randomBytes(12).toString('hex'), queue, class: name, failures: 0, run: work };
}

type Context = Readonly<Record<string, string | number>>;

/** Logs a line as sidekiq's logger does: without a time if DYNO is set. */
export function log(message: string, context: Context = {}, level: 'INFO' | 'WARN' = 'INFO'): void {
  const time = process.env.DYNO ? '' : `${new Date().toISOString()} `;
  const fields = Object.entries({ pid: process.pid, tid: 'main', ...context }).map(
    ([name, value]) => `${name}=${value}`,
  );
  writeLine(`${time}${fields.join(' ')} ${level}: ${message}`);
}
