import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';

const MAX_PORT = 65_535;

/** Whether a process could listen on this loopback port. A privileged port is not free. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Finds free ports in ascending order from `from`. Does not return the same port twice in a row. */
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
      this.#next = port >= Math.min(MAX_PORT, this.#from + 999) ? this.#from : port + 1;
      if (await isPortFree(port)) return port;
    }
    throw new Error(`no free port from ${this.#from} on`);
  }
}

const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/** Listens on 127.0.0.1 and ::1, the two addresses of `localhost`. Other machines cannot connect. Returns the servers,
 * each made by `create`, and their port. For port 0, finds a port that is free on both.
 * @throws Error that names the port and says what to do */
export async function listenOnLoopback(
  port: number,
  create: () => Server,
): Promise<{ servers: readonly Server[]; port: number }> {
  for (let tries = 1; ; tries += 1) {
    const ipv4 = await listen(create(), port, '127.0.0.1');
    const { port: bound } = ipv4.address() as AddressInfo;
    try {
      return { servers: [ipv4, await listen(create(), bound, '::1')], port: bound };
    } catch (error) {
      if (NO_IPV6.includes(codeOf(error))) return { servers: [ipv4], port: bound };
      ipv4.close();
      if (port !== 0 || tries === 10) throw error;
    }
  }
}

async function listen(server: Server, port: number, host: string): Promise<Server> {
  try {
    await once(server.listen({ port, host, backlog: 1024 }), 'listening');
    return server;
  } catch (error) {
    throw Object.assign(new Error(describeListenError(error, port)), { code: codeOf(error) });
  }
}

function describeListenError(error: unknown, port: number): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE')
    return `port ${port} is in use: stop the process that listens there, or choose another port with --port`;
  if (code === 'EACCES') return `port ${port} needs privileges: choose one above 1023 with --port`;
  return `port ${port}: ${(error as Error).message}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
