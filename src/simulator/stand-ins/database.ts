import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { writeLine } from './write-line.ts';

/** A pretend database. It counts the stand-ins' connections and refuses those beyond its limit. */
export type Database = {
  /** The DATABASE_URL for the stand-ins. */
  url: string;
  connections(): number;
  /** The peak since the start or the last reset. */
  peak(): number;
  resetPeak(): void;
  close(): Promise<void>;
};

export async function openDatabase({ maxConnections }: { maxConnections: number }): Promise<Database> {
  const taken = new Set<Socket>();
  let peak = 0;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (taken.size >= maxConnections) return void socket.end(REFUSED);
    taken.add(socket);
    peak = Math.max(peak, taken.size);
    socket.once('close', () => taken.delete(socket));
    socket.resume().write(ACCEPTED);
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

/** The first byte on an accepted and on a refused connection. As in PostgreSQL's protocol, it is the message type. */
const ACCEPTED = 'R';
const REFUSED = 'E';
/** No real database has this user, so the stand-ins never connect to one. */
const PRETEND_USER = 'stand-in';

/** Opens this many connections if DATABASE_URL names the pretend database, and holds them until the process exits. A
 * refused connection is logged as Rails does, and not retried. */
export function openPool(size: number): void {
  const url = parsed(process.env.DATABASE_URL);
  if (url?.username !== PRETEND_USER || url.hostname !== '127.0.0.1') return;
  for (let count = 0; count < size; count++) openOne(Number(url.port));
}

/** The pool size in Mastodon's config/database.yml: DB_POOL, else `otherwise`. */
export function poolSize(otherwise: number): number {
  return Math.trunc(Number(process.env.DB_POOL || otherwise)) || otherwise;
}

function openOne(port: number): void {
  const socket = connect(port, '127.0.0.1').unref();
  socket.once('data', (first) => {
    if (first.toString('latin1', 0, 1) === REFUSED) writeLine('FATAL:  sorry, too many clients already');
  });
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') writeLine(`could not connect to server: Connection refused (127.0.0.1:${port})`);
  });
}

function parsed(text = ''): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
