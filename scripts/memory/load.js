// A steady load of requests, each on a connection of its own; several at once, as a page asks for what it shows.
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { clearInterval } from 'node:timers';

/** What the edge waits for the first byte (H12). */
const PATIENCE_MS = 30_000;
const AT_ONCE = 5;

export class Load {
  #timer;
  #pending = new Set();
  sent = 0;
  answered = 0;
  slowestMs = 0;
  /** When each failure was noticed. */
  failuresMs = [];

  constructor(port, perSecond, path = '/timeline') {
    this.#timer = setInterval(
      () => {
        for (let index = 0; index < AT_ONCE; index += 1) this.#send(port, path);
      },
      (1000 * AT_ONCE) / perSecond,
    );
  }

  /** Resolves when the last request has its answer or has failed. */
  async stop() {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  #send(port, path) {
    this.sent += 1;
    const fromMs = performance.now();
    const request = ask(port, path).then((isAnswered) => {
      const nowMs = performance.now();
      this.#pending.delete(request);
      if (!isAnswered) return void this.failuresMs.push(nowMs);
      this.answered += 1;
      this.slowestMs = Math.max(this.slowestMs, nowMs - fromMs);
    });
    this.#pending.add(request);
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
