import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of the loopback that nobody used a moment ago. */
export async function freePort(): Promise<number> {
  const { port, close } = await takenPort();
  await close();
  return port;
}

/** A port that somebody listens on. */
export async function takenPort(): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => once(server.close(), 'close') };
}
