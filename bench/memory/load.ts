// A steady load of requests, each on a connection of its own. Several are sent at once, as a browser does for a page.
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';

/** The edge waits this long for the first byte (H12). */
const TIMEOUT_MS = 30_000;
const CONCURRENT_REQUESTS = 5;
const PATH = '/timeline';

export class Load {
  readonly #port: number;
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout | undefined;
  sent = 0;
  answered = 0;
  slowestMs = 0;
  /** From each request to the end of its response. */
  readonly latenciesMs: number[] = [];
  /** When each failure was noticed. */
  readonly failuresMs: number[] = [];

  /** `perSecond`: 0 for no requests but those of `sendInTurn`. */
  constructor(port: number, perSecond: number) {
    this.#port = port;
    if (perSecond === 0) return;
    this.#timer = setInterval(() => this.#sendSeveral(), (1000 * CONCURRENT_REQUESTS) / perSecond);
  }

  /**
   * Sends `count` requests from several clients, each of which waits for its response before it sends the next one. So a slow
   * machine gets no more concurrent requests than a fast one.
   */
  async sendInTurn(count: number): Promise<void> {
    let left = count;
    const clients = Array.from({ length: CONCURRENT_REQUESTS }, async () => {
      while (left > 0) {
        left -= 1;
        await this.#send();
      }
    });
    await Promise.all(clients);
  }

  /** Resolves when the last request has its response or has failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  #sendSeveral(): void {
    for (let index = 0; index < CONCURRENT_REQUESTS; index += 1) void this.#send();
  }

  #send(): Promise<void> {
    this.sent += 1;
    const fromMs = performance.now();
    const request = isAnswered(this.#port).then((wasAnswered) => {
      this.#pending.delete(request);
      this.#record(wasAnswered, fromMs);
    });
    this.#pending.add(request);
    return request;
  }

  #record(wasAnswered: boolean, fromMs: number): void {
    const nowMs = performance.now();
    if (!wasAnswered) {
      this.failuresMs.push(nowMs);
      return;
    }
    this.answered += 1;
    this.latenciesMs.push(nowMs - fromMs);
    this.slowestMs = Math.max(this.slowestMs, nowMs - fromMs);
  }
}

/** Whether a complete response with status 200 arrives. */
function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const fail = () => resolve(false);
    const options = { host: '127.0.0.1', port, path: PATH, agent: false, timeout: TIMEOUT_MS };
    const request = get(options, (response) => {
      response.once('error', fail).once('end', () => resolve(response.complete && response.statusCode === 200));
      response.resume();
    });
    request.once('timeout', () => request.destroy()).once('error', fail);
  });
}
