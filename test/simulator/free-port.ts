import { once } from 'node:events';
import { createServer } from 'node:net';
import { isFree } from '../../src/simulator/ports.ts';

/** Below those that the kernel gives to whoever connects: such a one may be gone again a moment later. */
const [FROM, TO] = [10_000, 32_000];

/** By twos, for the successor of each (see `freePair`), from a start of each process's own: what others have drawn and do not
 * use yet is far from it. */
const STEP = 2;
let drawn = Math.floor(Math.random() * (TO - FROM));

/** A port of the loopback that nobody used a moment ago, and that nobody draws soon. */
export async function freePort(): Promise<number> {
  drawn = (drawn + STEP) % (TO - FROM);
  const port = FROM + drawn;
  return (await isFree(port)) ? port : freePort();
}

/** One whose successor is free as well: the page of a simulation takes the port after the app's. */
export async function freePair(): Promise<number> {
  const port = await freePort();
  return (await isFree(port + 1)) ? port : freePair();
}

/** A port that somebody listens on; 0 for any. */
export async function takenPort(wanted = 0): Promise<{ port: number; close: () => Promise<unknown> }> {
  const server = createServer().listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => once(server.close(), 'close') };
}
