import { Agent, request as httpRequest } from 'node:http';

export type Kind = { method: string; path: string; body?: string };
/** status: null if the connection broke before the end of the response. sentAtMs: when the connection was open and the request sent;
 * null if it never was. */
export type Outcome = Kind & { status: number | null; error: string | null; sentAtMs: number | null };

/** Clients that send one request after the other, of each kind in turn, until stop(). */
export class Load {
  readonly outcomes: Outcome[] = [];
  readonly #port: number;
  readonly #kinds: readonly Kind[];
  readonly #agent: Agent | false;
  readonly #clients: Promise<void>[];
  #isStopped = false;

  constructor(port: number, kinds: readonly Kind[], { clients = 8, keepAlive = false } = {}) {
    [this.#port, this.#kinds] = [port, kinds];
    this.#agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: clients }) : false;
    this.#clients = Array.from({ length: clients }, (_, index) => this.#run(index));
  }

  async stop(): Promise<readonly Outcome[]> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    if (this.#agent !== false) this.#agent.destroy();
    return this.outcomes;
  }

  async #run(first: number): Promise<void> {
    for (let turn = first; !this.#isStopped; turn += 1) {
      const kind = this.#kinds[turn % this.#kinds.length];
      if (kind === undefined) return;
      const outcome = await ask(this.#port, kind, this.#agent);
      this.outcomes.push(outcome);
      if (outcome.error !== null) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export function ask(port: number, kind: Kind, agent: Agent | false = false): Promise<Outcome> {
  let sentAtMs: number | null = null;
  const sent = (): void => void (sentAtMs = performance.now());
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      resolve({ ...kind, status: null, error: error.code ?? error.message, sentAtMs });
    const headers = {
      'X-Forwarded-Proto': 'https',
      ...(kind.body === undefined ? {} : { 'Content-Length': kind.body.length }),
    };
    const request = httpRequest({ host: '127.0.0.1', port, path: kind.path, method: kind.method, headers, agent });
    request.once('socket', (socket) => (socket.connecting ? void socket.once('connect', sent) : sent()));
    request.once('error', failed).once('response', (reply) => {
      reply.once('error', failed).once('end', () => {
        if (reply.complete) resolve({ ...kind, status: reply.statusCode ?? null, error: null, sentAtMs });
      });
      reply.resume();
    });
    request.end(kind.body);
  });
}
