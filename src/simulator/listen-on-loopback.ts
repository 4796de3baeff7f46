import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * Both of what `localhost` may be, and nothing that other machines reach. Gives the servers that listen, each made by
 * `create`, and their port; for port 0 one that is free at both.
 * @throws Error that names the port and says what to do
 */
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
    throw Object.assign(new Error(inWords(error, port)), { code: codeOf(error) });
  }
}

function inWords(error: unknown, port: number): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') return `port ${port} is taken: end what listens there, or choose another with --port`;
  if (code === 'EACCES') return `port ${port} may not be used: choose one above 1023 with --port`;
  return `port ${port}: ${(error as Error).message}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
