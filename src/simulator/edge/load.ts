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

export type Load = {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly LoadFailure[];
  readonly slowestMs: number;
  /** The results so far. */
  report(): LoadReport;
  /** Stops sending and waits for open requests. */
  stop(): Promise<LoadReport>;
  /** Stops sending and aborts open requests. */
  abort(): void;
};

const DEFAULT_MAX_OPEN = 1000;
/** Longer than the edge's hold time and first-byte timeout together. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** Shorter than the edge's idle timeout, so that the edge never closes a connection in use. */
const IDLE_MS = 30_000;
const TICK_MS = 10;

/** Sends GET requests at a constant rate over kept-alive connections, whether or not earlier ones were answered. An
 * outage therefore shows as the number of requests that would have met it. */
export function startLoad(options: LoadOptions): Load {
  const { perSecond, maxOpen: atOnce = DEFAULT_MAX_OPEN } = options;
  const agent = new Agent({ keepAlive: true, maxFreeSockets: atOnce, timeout: IDLE_MS });
  const counts = new LoadCounts();
  const open = new Set<Promise<void>>();
  const sendOne = (): void => {
    if (open.size >= atOnce) return counts.skip();
    const request = sendRequest(options, agent, counts).finally(() => open.delete(request));
    open.add(request);
  };
  const tick = keepSending(counts, perSecond, sendOne);
  return {
    get sent() {
      return counts.sent;
    },
    get answered() {
      return counts.answered;
    },
    get failures() {
      return counts.failures;
    },
    get slowestMs() {
      return counts.slowestMs;
    },
    report: () => counts.report(),
    abort: () => {
      clearInterval(tick);
      agent.destroy();
    },
    stop: async () => {
      clearInterval(tick);
      const tookMs = counts.elapsedMs();
      await Promise.all(open);
      agent.destroy();
      return { ...counts.report(), tookMs };
    },
  };
}

/** Sends all requests due by now, including those a late tick has missed. */
function keepSending(counts: LoadCounts, perSecond: number, sendOne: () => void): NodeJS.Timeout {
  let due = 0;
  return setInterval(() => {
    for (; due < (counts.elapsedMs() / 1000) * perSecond; due += 1) sendOne();
  }, TICK_MS);
}

function sendRequest(
  { url, path, headers, timeoutMs = DEFAULT_TIMEOUT_MS }: LoadOptions,
  agent: Agent,
  counts: LoadCounts,
): Promise<void> {
  const startedAtMs = performance.now();
  counts.sent += 1;
  return new Promise((resolve) => {
    const request = get(new URL(path, url), { agent, headers: { ...headers } });
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
      if (failure === null) counts.answer(performance.now() - startedAtMs);
      else counts.fail(failure);
      resolve();
    });
  });
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
  /** From the start to the stop. */
  tookMs: number;
};

const MAX_FAILURES = 1000;

/** Request results in bounded memory. */
class LoadCounts {
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
    if (this.failures.length < MAX_FAILURES) this.failures.push({ atMs: Date.now(), reason: what });
  }

  report(): LoadReport {
    const percentile = (part: number): number => (this.answered === 0 ? 0 : this.#times.percentile(part) / 1000);
    const { sent, answered, failures, slowestMs } = this;
    const [p50Ms, p99Ms] = [percentile(50), percentile(99)];
    const [failed, skipped, tookMs] = [this.#failed, this.#skipped, this.elapsedMs()];
    return { sent, answered, failed, failures: [...failures], skipped, p50Ms, p99Ms, slowestMs, tookMs };
  }
}
