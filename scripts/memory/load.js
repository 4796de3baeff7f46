// A steady load of requests, each on a connection of its own; several at once, as a page asks for what it shows.
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { clearInterval } from 'node:timers';

/** What the edge waits for the first byte (H12). */
const PATIENCE_MS = 30_000;
const AT_ONCE = 5;

export class Load {
  #timer;
  #port;
  #path;
  #pending = new Set();
  sent = 0;
  answered = 0;
  slowestMs = 0;
  /** Milliseconds from each request to the end of its answer. */
  answersMs = [];
  /** When each failure was noticed. */
  failuresMs = [];

  /** perSecond: 0 for no requests but those of `inTurn`. */
  constructor(port, perSecond, path = '/timeline') {
    this.#port = port;
    this.#path = path;
    if (perSecond === 0) return;
    this.#timer = setInterval(
      () => {
        for (let index = 0; index < AT_ONCE; index += 1) this.#send();
      },
      (1000 * AT_ONCE) / perSecond,
    );
  }

  /** Sends `count` requests, from several clients of which each waits for its answer before the next request. Resolves when
   * all have an answer or have failed. A slow machine gets no more requests at once than a fast one. */
  async inTurn(count) {
    let left = count;
    const clients = Array.from({ length: AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        await this.#send();
      }
    });
    await Promise.all(clients);
  }

  /** Resolves when the last request has its answer or has failed. */
  async stop() {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  #send() {
    this.sent += 1;
    const fromMs = performance.now();
    const request = ask(this.#port, this.#path).then((isAnswered) => {
      const nowMs = performance.now();
      this.#pending.delete(request);
      if (!isAnswered) return void this.failuresMs.push(nowMs);
      this.answered += 1;
      this.answersMs.push(nowMs - fromMs);
      this.slowestMs = Math.max(this.slowestMs, nowMs - fromMs);
    });
    this.#pending.add(request);
    return request;
  }
}

/** Whether a whole answer with status 200 came. */
function ask(port, path) {
  return new Promise((resolve) => {
    const fail = () => resolve(false);
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: PATIENCE_MS }, (reply) => {
      reply.once('error', fail).once('end', () => resolve(reply.complete && reply.statusCode === 200));
      reply.resume();
    });
    request.once('timeout', () => request.destroy()).once('error', fail);
  });
}
