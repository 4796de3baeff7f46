import { createServer } from 'node:net';

const MOST = 65_535;

/** Whether nobody listens on the port of the loopback; a privileged one is not free either. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** One port after the other from `from` on, those left out that somebody has; never the same twice in a row. */
export class Ports {
  readonly #from: number;
  #next: number;

  constructor(from: number) {
    this.#from = from;
    this.#next = from;
  }

  async take(): Promise<number> {
    for (let tries = 0; tries < 1000; tries += 1) {
      const port = this.#next;
      this.#next = port >= Math.min(MOST, this.#from + 999) ? this.#from : port + 1;
      if (await isFree(port)) return port;
    }
    throw new Error(`no free port from ${this.#from} on`);
  }
}
