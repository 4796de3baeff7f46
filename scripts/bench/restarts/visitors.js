// A steady load on one port: half of the clients keep their connection, half take a new one for each request.
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from '../run.js';

const CLIENTS = 4;
/** How long an answer takes, and how long a client thinks before its next request, at most. */
const WORK_MS = 200;
const THOUGHT_MS = 100;
const REFUSED_MS = 50;
/** What the edge waits for the first byte (H12), and a little more. */
const PATIENCE_MS = 35_000;

export class Visitors {
  #chance;
  #isOver = false;
  #clients;
  /** When the dyno got its TERM; who asks later may be turned away. */
  termMs = Infinity;
  /** failed: accepted, and no whole answer, or one that says 5xx; refused: nobody listened; turnedAway: a 503 after the TERM.
   * failedEarly: those of the failed that were sent before the TERM. */
  counts = { answered: 0, failedFresh: 0, failedKept: 0, failedEarly: 0, turnedAway: 0, refused: 0 };
  /** How often each error was seen, and when its request was sent. */
  errors = {};

  constructor(port, chance) {
    this.#chance = chance;
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#visit(port, index % 2 === 0));
  }

  /** Resolves when the last request has its answer or has failed. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #visit(port, isKept) {
    const agent = isKept && new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) {
      const outcome = await ask(port, `/?ms=${Math.round(this.#chance(0, WORK_MS))}`, agent);
      const what = this.#judge(outcome);
      this.counts[what] += 1;
      if (what.startsWith('failed')) this.#note(outcome);
      await pause(what === 'refused' ? REFUSED_MS : this.#chance(0, THOUGHT_MS));
    }
    if (agent) agent.destroy();
  }

  #note({ sentMs, error }) {
    const isEarly = sentMs < this.termMs;
    if (isEarly) this.counts.failedEarly += 1;
    const key = `${error}, sent ${isEarly ? 'before' : 'after'} the TERM`;
    this.errors[key] = (this.errors[key] ?? 0) + 1;
  }

  #judge({ sentMs, isReused, error }) {
    if (error === null) return 'answered';
    if (sentMs === null) return 'refused';
    if (error === 'status 503' && sentMs > this.termMs) return 'turnedAway';
    return isReused ? 'failedKept' : 'failedFresh';
  }
}

/** Whether somebody answers with 200. */
export async function answers(port) {
  return (await ask(port, '/health', false)).error === null;
}

/** sentMs: when there was a connection, and with it the request; null where there never was one. */
function ask(port, path, agent) {
  return new Promise((resolve) => {
    let sentMs = null;
    const request = get({ host: '127.0.0.1', port, path, agent, timeout: PATIENCE_MS });
    const end = (error) => resolve({ sentMs, isReused: request.reusedSocket, error });
    const fail = ({ code, message }) => end(code ?? message);
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (sentMs = now()));
      else sentMs = now();
    });
    request.once('timeout', () => request.destroy(new Error('no answer'))).on('error', fail);
    request.once('response', (reply) => {
      const { statusCode } = reply;
      reply.once('error', fail).once('end', () => end(statusCode === 200 ? null : `status ${statusCode}`));
      reply.resume();
    });
  });
}
