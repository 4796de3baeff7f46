import { connect } from 'node:net';
import { say } from './say.ts';

/** What the pretend database says first on a connection that it takes, and on one too many. As PostgreSQL's do, the
 * message's type comes first. */
export const WELCOME = 'R';
export const REFUSAL = 'E';
/** Nobody has this user but the pretend database: a real one is never asked. */
export const PRETEND_USER = 'stand-in';

/** Opens that many connections to the database of DATABASE_URL, where that is the pretend one, and holds them until the
 * process ends. One too many is said as the real ones say it, and missed. */
export function openPool(size: number): void {
  const url = parsed(process.env.DATABASE_URL);
  if (url?.username !== PRETEND_USER || url.hostname !== '127.0.0.1') return;
  for (let count = 0; count < size; count++) openOne(Number(url.port));
}

/** The size that Mastodon's config/database.yml gives its pool: DB_POOL, else `otherwise`. */
export function poolSize(otherwise: number): number {
  return Math.trunc(Number(process.env.DB_POOL || otherwise)) || otherwise;
}

function openOne(port: number): void {
  const socket = connect(port, '127.0.0.1').unref();
  socket.once('data', (first) => {
    if (first.toString('latin1', 0, 1) === REFUSAL) say('FATAL:  sorry, too many clients already');
  });
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') say(`could not connect to server: Connection refused (127.0.0.1:${port})`);
  });
}

function parsed(text = ''): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
