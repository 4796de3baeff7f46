import { Agent, get, type IncomingMessage } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { CODE_HEADER } from './error-page.ts';

export type LoadOptions = {
  /** `http://localhost:5006` */
  url: string;
  path: string;
  perSecond: number;
  /** So many may be open; what is due beyond that is not sent, and counted as skipped. */
  atOnce?: number;
  headers?: Readonly<Record<string, string>>;
  /** A request without its whole answer by then has failed. */
  timeoutMs?: number;
};

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

export type Load = {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly LoadFailure[];
  readonly slowestMs: number;
  /** As things stand. */
  report(): LoadReport;
  /** Sends nothing more, and waits for the open ones. */
  stop(): Promise<LoadReport>;
};

const AT_ONCE = 1000;
/** More than the edge holds a request and waits for its first byte, together. */
const TIMEOUT_MS = 120_000;
const MOST_FAILURES = 1000;
/** Shorter than the edge keeps a connection, which then never closes under a request. */
const IDLE_MS = 30_000;
const TICK_MS = 10;

/** A steady load of GETs, on connections kept alive as browsers do: one each `1 / perSecond`, whether the ones before it
 * were answered or not, so that a stop of the app shows as the number of people who would have met it. */
export function startLoad(options: LoadOptions): Load {
  const { perSecond, atOnce = AT_ONCE } = options;
  const agent = new Agent({ keepAlive: true, maxFreeSockets: atOnce, timeout: IDLE_MS });
  const counts = new Counts();
  const open = new Set<Promise<void>>();
  const sendOne = (): void => {
    if (open.size >= atOnce) return counts.skip();
    const one = ask(options, agent, counts).finally(() => open.delete(one));
    open.add(one);
  };
  let due = 0;
  const tick = setInterval(() => {
    for (; due < (counts.elapsedMs() / 1000) * perSecond; due += 1) sendOne();
  }, TICK_MS);
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
    stop: async () => {
      clearInterval(tick);
      const tookMs = counts.elapsedMs();
      await Promise.all(open);
      agent.destroy();
      return { ...counts.report(), tookMs };
    },
  };
}

/** What became of the requests, in bounded memory. */
class Counts {
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

function ask({ url, path, headers, timeoutMs = TIMEOUT_MS }: LoadOptions, agent: Agent, counts: Counts): Promise<void> {
  const startedAtMs = performance.now();
  counts.sent += 1;
  return new Promise((resolve) => {
    const asked = get(new URL(path, url), { agent, headers: { ...headers } });
    let reply: IncomingMessage | null = null;
    let trouble: string | null = null;
    const timer = setTimeout(() => {
      trouble = `timeout ${timeoutMs / 1000} s`;
      asked.destroy();
    }, timeoutMs);
    asked.once('response', (response) => {
      reply = response;
      response.on('error', () => {}).resume(); // It is not complete then.
    });
    asked.on('error', ({ code }: NodeJS.ErrnoException) => (trouble ??= inWords(code, reply !== null)));
    asked.once('close', () => {
      clearTimeout(timer);
      trouble ??= reply === null ? 'reset' : faultOf(reply);
      if (trouble === null) counts.answer(performance.now() - startedAtMs);
      else counts.fail(trouble);
      resolve();
    });
  });
}

function inWords(code: string | undefined, hasReply: boolean): string {
  if (hasReply) return 'cut off';
  return code === 'ECONNREFUSED' ? 'refused' : code === 'ECONNRESET' ? 'reset' : (code ?? 'failed');
}

function faultOf({ statusCode = 0, complete, headers }: IncomingMessage): string | null {
  const code = headers[CODE_HEADER.toLowerCase()];
  if (code !== undefined) return `${statusCode} ${String(code)}`;
  if (statusCode !== 200) return `status ${statusCode}`;
  return complete ? null : 'cut off';
}
