import { createHistogram } from 'node:perf_hooks';

/** A request without a whole 200: `503 H10`, `status 404`, `refused`, `reset`, `cut off`, `timeout 120 s`. */
export type LoadFailure = {
  /** When it was known, since the epoch. */
  atMs: number;
  what: string;
};

export type LoadReport = {
  sent: number;
  answered: number;
  failed: number;
  /** The first thousand of them. */
  failures: readonly LoadFailure[];
  skipped: number;
  /** Of whole answers, from the request to the last byte; 0 without any. */
  p50Ms: number;
  p99Ms: number;
  slowestMs: number;
  /** From the start to the stop. */
  tookMs: number;
};

const MOST_FAILURES = 1000;

/** What became of the requests, in bounded memory. */
export class Counts {
  readonly failures: LoadFailure[] = [];
  sent = 0;
  answered = 0;
  slowestMs = 0;
  #failed = 0;
  #skipped = 0;
  readonly #startedAtMs = performance.now();
  readonly #times = createHistogram();

  elapsedMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  skip(): void {
    this.#skipped += 1;
  }

  answer(tookMs: number): void {
    this.answered += 1;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    this.#times.record(Math.max(1, Math.round(tookMs * 1000)));
  }

  fail(what: string): void {
    this.#failed += 1;
    if (this.failures.length < MOST_FAILURES) this.failures.push({ atMs: Date.now(), what });
  }

  report(): LoadReport {
    const percentile = (part: number): number => (this.answered === 0 ? 0 : this.#times.percentile(part) / 1000);
    const { sent, answered, failures, slowestMs } = this;
    const [p50Ms, p99Ms] = [percentile(50), percentile(99)];
    const [failed, skipped, tookMs] = [this.#failed, this.#skipped, this.elapsedMs()];
    return { sent, answered, failed, failures: [...failures], skipped, p50Ms, p99Ms, slowestMs, tookMs };
  }
}
