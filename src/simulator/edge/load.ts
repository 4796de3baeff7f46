import { Agent, get, type IncomingMessage } from 'node:http';
import { CODE_HEADER } from './error-page.ts';
import { Counts, type LoadFailure, type LoadReport } from './load-counts.ts';

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

export type Load = {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly LoadFailure[];
  readonly slowestMs: number;
  /** As things stand. */
  report(): LoadReport;
  /** Sends nothing more, and waits for the open ones. */
  stop(): Promise<LoadReport>;
  /** Sends nothing more and cuts off the open ones. */
  drop(): void;
};

const AT_ONCE = 1000;
/** More than the edge holds a request and waits for its first byte, together. */
const TIMEOUT_MS = 120_000;
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
    drop: () => {
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

/** As many as are due by now: a late tick sends what it has missed. */
function keepSending(counts: Counts, perSecond: number, sendOne: () => void): NodeJS.Timeout {
  let due = 0;
  return setInterval(() => {
    for (; due < (counts.elapsedMs() / 1000) * perSecond; due += 1) sendOne();
  }, TICK_MS);
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
