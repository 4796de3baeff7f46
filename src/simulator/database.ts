import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { PRETEND_USER, REFUSAL, WELCOME } from './stand-ins/pool.ts';

/** A pretend database: it counts the connections that the stand-ins hold, and refuses those beyond its limit. */
export type Database = {
  /** The DATABASE_URL for the stand-ins. */
  url: string;
  connections(): number;
  /** The most at one moment since the start or the last reset. */
  peak(): number;
  resetPeak(): void;
  close(): Promise<void>;
};

export async function openDatabase({ connectionsMost }: { connectionsMost: number }): Promise<Database> {
  const taken = new Set<Socket>();
  let peak = 0;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (taken.size >= connectionsMost) return void socket.end(REFUSAL);
    taken.add(socket);
    peak = Math.max(peak, taken.size);
    socket.once('close', () => taken.delete(socket));
    socket.resume().write(WELCOME);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://${PRETEND_USER}@127.0.0.1:${port}/stand_in`,
    connections: () => taken.size,
    peak: () => peak,
    resetPeak: () => (peak = taken.size),
    close: async () => {
      for (const socket of taken) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
