// A steady load on one port: half of the clients keep their connection, half open a new one for each request.
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from '../run.ts';
import type { RandomBetween } from './jobs.ts';

/**
 * `failedFresh` and `failedKept`: the connection stood, on a new or a kept one, and no complete response or a 5xx came;
 * `failedEarly`: those of them that were sent before SIGTERM; `refused`: no process listened; `turnedAway`: 503 after SIGTERM.
 */
export type RequestCounts = {
  answered: number;
  failedFresh: number;
  failedKept: number;
  failedEarly: number;
  turnedAway: number;
  refused: number;
};
/** `sentMs`: when the connection stood, and with it the request was sent; null if it never did. */
type RequestOutcome = { sentMs: number | null; isReused: boolean; error: string | null };
type Classification = Exclude<keyof RequestCounts, 'failedEarly'>;

const CLIENTS = 4;
/** How long the app takes for a response at most, and a client waits before its next request. */
const MAX_WORK_MS = 200;
const MAX_THINK_MS = 100;
const AFTER_REFUSED_MS = 50;
/** A little more than the edge waits for the first byte (H12). */
const TIMEOUT_MS = 35_000;

export class LoadClients {
  /** When the dyno gets SIGTERM: a later request may be turned away. */
  termMs = Infinity;
  readonly counts: RequestCounts = {
    answered: 0,
    failedFresh: 0,
    failedKept: 0,
    failedEarly: 0,
    turnedAway: 0,
    refused: 0,
  };
  /** How often each error was seen, before and after SIGTERM. */
  readonly errors: Record<string, number> = {};
  readonly #random: RandomBetween;
  readonly #clients: Promise<void>[];
  #isStopping = false;

  constructor(port: number, random: RandomBetween) {
    this.#random = random;
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#run(port, index % 2 === 0));
  }

  /** Resolves when the last request has its response or has failed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  async #run(port: number, keepsConnection: boolean): Promise<void> {
    const agent = keepsConnection && new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isStopping) {
      const outcome = await request(port, `/?ms=${Math.round(this.#random(0, MAX_WORK_MS))}`, agent);
      const classification = this.#classify(outcome);
      this.counts[classification] += 1;
      if (classification === 'failedFresh' || classification === 'failedKept') this.#recordFailure(outcome);
      await pause(classification === 'refused' ? AFTER_REFUSED_MS : this.#random(0, MAX_THINK_MS));
    }
    if (agent !== false) agent.destroy();
  }

  #classify({ sentMs, isReused, error }: RequestOutcome): Classification {
    if (error === null) return 'answered';
    if (sentMs === null) return 'refused';
    if (error === 'status 503' && sentMs > this.termMs) return 'turnedAway';
    return isReused ? 'failedKept' : 'failedFresh';
  }

  #recordFailure({ sentMs, error }: RequestOutcome): void {
    const isEarly = sentMs !== null && sentMs < this.termMs;
    if (isEarly) this.counts.failedEarly += 1;
    const key = `${error ?? ''}, sent ${isEarly ? 'before' : 'after'} the TERM`;
    this.errors[key] = (this.errors[key] ?? 0) + 1;
  }
}

/** Whether the health check succeeds. */
export async function isHealthy(port: number): Promise<boolean> {
  return (await request(port, '/health', false)).error === null;
}

function request(port: number, path: string, agent: Agent | false): Promise<RequestOutcome> {
  return new Promise((resolve) => {
    let sentMs: number | null = null;
    const sent = get({ host: '127.0.0.1', port, path, agent, timeout: TIMEOUT_MS });
    const end = (error: string | null) => resolve({ sentMs, isReused: sent.reusedSocket, error });
    const fail = (error: NodeJS.ErrnoException) => end(error.code ?? error.message);
    sent.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (sentMs = now()));
      else sentMs = now();
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer'))).on('error', fail);
    sent.once('response', (response) => {
      const { statusCode } = response;
      response.once('error', fail).once('end', () => end(statusCode === 200 ? null : `status ${statusCode ?? ''}`));
      response.resume();
    });
  });
}
