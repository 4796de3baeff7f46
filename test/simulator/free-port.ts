import { once } from 'node:events';
import { createServer } from 'node:net';
import { isPortFree } from '../../src/simulator/platform/loopback.ts';

/** Below the kernel's ephemeral ports, which outgoing connections may take at any time. */
const [FROM, TO] = [10_000, 32_000];

/** Steps of two leave room for the successor (see `freePair`). The random start keeps test processes apart. */
const STEP = 2;
let drawn = Math.floor(Math.random() * (TO - FROM));

/** A loopback port that was free a moment ago and is not returned again soon. */
export async function freePort(): Promise<number> {
  drawn = (drawn + STEP) % (TO - FROM);
  const port = FROM + drawn;
  return (await isPortFree(port)) ? port : freePort();
}

/** A free port whose successor is free as well: the page of a simulation uses the port after the app's. */
export async function freePair(): Promise<number> {
  const port = await freePort();
  return (await isPortFree(port + 1)) ? port : freePair();
}

/** A listening port. wanted: 0 for any. */
export async function takenPort(wanted = 0): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer().listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => once(server.close(), 'close') };
}
