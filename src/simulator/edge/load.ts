import { Agent, get, type IncomingMessage } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { ERROR_CODE_HEADER } from './error-codes.ts';

export type LoadOptions = {
  /** `http://localhost:5006` */
  url: string;
  path: string;
  perSecond: number;
  /** Limit of open requests. Requests beyond it are not sent but counted as skipped. */
  maxOpen?: number;
  headers?: Readonly<Record<string, string>>;
  /** A request without a complete response by then has failed. */
  timeoutMs?: number;
};

/** A request without a complete 200: `503 H10`, `status 404`, `refused`, `reset`, `cut off`, `timeout 120 s`. */
type LoadFailure = {
  /** Time of the failure, since the epoch. */
  atMs: number;
  reason: string;
};

export type LoadReport = {
  sent: number;
  answered: number;
  failed: number;
  /** At most the first thousand. */
  failures: readonly LoadFailure[];
  skipped: number;
  /** Of complete responses, from the request to the last byte. 0 without any. */
  p50Ms: number;
  p99Ms: number;
  slowestMs: number;
};

const DEFAULT_MAX_OPEN = 1000;
/** Longer than the edge's hold time and first-byte timeout together. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** Shorter than the edge's idle timeout, so that the edge never closes a connection in use. */
const IDLE_MS = 30_000;
const TICK_MS = 10;
const MAX_FAILURES = 1000;

export function startLoad(options: LoadOptions): Load {
  return new Load(options);
}

/** Sends GET requests at a constant rate over kept-alive connections, whether or not earlier ones were answered. An
 * outage therefore shows as the number of requests that would have met it. Keeps the results in bounded memory. */
export class Load {
  readonly failures: LoadFailure[] = [];
  sent = 0;
  answered = 0;
  readonly #options: LoadOptions;
  readonly #maxOpen: number;
  readonly #agent: Agent;
  readonly #open = new Set<Promise<void>>();
  readonly #times = createHistogram();
  readonly #timer: NodeJS.Timeout;
  #failed = 0;
  #skipped = 0;
  #slowestMs = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#maxOpen = options.maxOpen ?? DEFAULT_MAX_OPEN;
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: this.#maxOpen, timeout: IDLE_MS });
    const startedAtMs = performance.now();
    let due = 0;
    // Sends all requests due by now, including those a late tick has missed.
    this.#timer = setInterval(() => {
      for (; due < ((performance.now() - startedAtMs) / 1000) * options.perSecond; due += 1) this.#sendNext();
    }, TICK_MS);
  }

  /** The results so far. */
  report(): LoadReport {
    const percentile = (part: number): number => (this.answered === 0 ? 0 : this.#times.percentile(part) / 1000);
    const { sent, answered, failures } = this;
    const [failed, skipped, slowestMs] = [this.#failed, this.#skipped, this.#slowestMs];
    const [p50Ms, p99Ms] = [percentile(50), percentile(99)];
    return { sent, answered, failed, failures: [...failures], skipped, p50Ms, p99Ms, slowestMs };
  }

  /** Stops sending and waits for open requests. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
    return this.report();
  }

  /** Stops sending and aborts open requests. */
  abort(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #sendNext(): void {
    if (this.#open.size >= this.#maxOpen) {
      this.#skipped += 1;
      return;
    }
    const request = this.#send().finally(() => this.#open.delete(request));
    this.#open.add(request);
  }

  #send(): Promise<void> {
    const { url, path, headers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const startedAtMs = performance.now();
    this.sent += 1;
    return new Promise((resolve) => {
      const request = get(new URL(path, url), { agent: this.#agent, headers: { ...headers } });
      let reply: IncomingMessage | null = null;
      let failure: string | null = null;
      const timer = setTimeout(() => {
        failure = `timeout ${timeoutMs / 1000} s`;
        request.destroy();
      }, timeoutMs);
      request.once('response', (response) => {
        reply = response;
        response.on('error', () => {}).resume(); // The response is incomplete then.
      });
      request.on('error', ({ code }: NodeJS.ErrnoException) => (failure ??= describeError(code, reply !== null)));
      request.once('close', () => {
        clearTimeout(timer);
        failure ??= reply === null ? 'reset' : describeReply(reply);
        if (failure === null) this.#succeed(performance.now() - startedAtMs);
        else this.#fail(failure);
        resolve();
      });
    });
  }

  #succeed(tookMs: number): void {
    this.answered += 1;
    this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    this.#times.record(Math.max(1, Math.round(tookMs * 1000)));
  }

  #fail(reason: string): void {
    this.#failed += 1;
    if (this.failures.length < MAX_FAILURES) this.failures.push({ atMs: Date.now(), reason });
  }
}

function describeError(code: string | undefined, hasReply: boolean): string {
  if (hasReply) return 'cut off';
  return code === 'ECONNREFUSED' ? 'refused' : code === 'ECONNRESET' ? 'reset' : (code ?? 'failed');
}

function describeReply({ statusCode = 0, complete, headers }: IncomingMessage): string | null {
  const code = headers[ERROR_CODE_HEADER.toLowerCase()];
  if (code !== undefined) return `${statusCode} ${String(code)}`;
  if (statusCode !== 200) return `status ${statusCode}`;
  return complete ? null : 'cut off';
}
