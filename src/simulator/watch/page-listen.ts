import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

type Answering = (asked: IncomingMessage, reply: ServerResponse, port: number) => void;

/** So long an answer that is on its way may take once we close. */
const LAST_ANSWERS_MS = 500;
const NO_SUCH_ADDRESS = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** Listens on both loopback addresses, since browsers try ::1 first for localhost; on one where the machine has no other.
 * port: 0 for any. */
export async function listenOnLoopback(
  port: number,
  answer: Answering,
): Promise<{ port: number; close(): Promise<void> }> {
  const first = await listen(answer, '127.0.0.1', port);
  const own = portOf(first);
  const second = await listen(answer, '::1', own).catch(async (error: unknown) => {
    if (NO_SUCH_ADDRESS.includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    await close(first);
    throw error;
  });
  const servers = second === null ? [first] : [first, second];
  return {
    port: own,
    close: async () => {
      await Promise.all(servers.map(close));
    },
  };
}

async function listen(answer: Answering, host: string, port: number): Promise<Server> {
  const server = createServer((asked, reply) => answer(asked, reply, portOf(server)));
  server.listen({ host, port });
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await closed;
  clearTimeout(last);
}
