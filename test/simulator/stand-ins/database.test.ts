import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../../src/simulator/stand-ins/database.ts';
import { eventually } from '../../harness/eventually.ts';
import { freePort } from '../free-port.ts';
import { listening, standIn, standInWorker } from '../part.ts';

it('counts what is open, and what was at most', async () => {
  const database = await open(10);
  const sockets = [await client(database), await client(database)];
  expect([database.connections(), database.peak()]).toEqual([2, 2]);
  sockets[0]?.destroy();
  await eventually(() => expect(database.connections()).toBe(1));
  expect(database.peak()).toBe(2);
  database.resetPeak();
  expect(database.peak()).toBe(1);
});

it('ends with clients still there', async () => {
  const database = await open(10);
  const socket = await client(database);
  await Promise.all([database.close(), once(socket, 'close')]);
});

it.each([
  ['puma', { WEB_CONCURRENCY: '0' }, 5],
  ['puma', { WEB_CONCURRENCY: '0', MAX_THREADS: '3' }, 3],
  ['puma', { WEB_CONCURRENCY: '2', MAX_THREADS: '3' }, 6],
  ['puma', { WEB_CONCURRENCY: '2', MAX_THREADS: '3', DB_POOL: '4' }, 8],
  ['streaming', {}, 10],
  ['streaming', { DB_POOL: '2' }, 2],
] as const)('%s with %j holds %i', async (name, env, count) => {
  const database = await open(50);
  const dyno = standIn(name, /^/).start([], { PORT: String(await freePort()), DATABASE_URL: database.url, ...env });
  await listening(dyno);
  await eventually(() => expect(database.connections()).toBe(count));
  dyno.signal('SIGTERM');
  await dyno.exited;
  await eventually(() => expect(database.connections()).toBe(0));
  expect(database.peak()).toBe(count);
});

it.each([
  [{}, 4],
  [{ DB_POOL: '7' }, 7],
])('sidekiq with four threads and %j holds %i', async (env, count) => {
  const database = await open(50);
  await standInWorker().startBusy(600, ['-c', '4'], { DATABASE_URL: database.url, ...env });
  await eventually(() => expect(database.connections()).toBe(count));
});

it('rails holds one while it is at work', async () => {
  const database = await open(50);
  const dyno = standIn('rails', /^/).start(['db:migrate'], { DATABASE_URL: database.url, STAND_IN_BOOT_MS: '600000' });
  await eventually(() => expect(database.connections()).toBe(1));
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 1, signal: null });
});

it('refuses more than it has room for, in the words of PostgreSQL; what was refused goes on', async () => {
  const database = await open(3);
  const dyno = await standInWorker().startBusy(1, ['-c', '5'], { DATABASE_URL: database.url });
  await dyno.waitForOutput(/(FATAL: {2}sorry, too many clients already[^]*){2}/);
  await dyno.waitForOutput(/INFO: done/);
  expect(database.peak()).toBe(3);
  expect(dyno.output.match(/too many clients/g)).toHaveLength(2);
});

it('a database that is not there is said, and no other than the pretend one is ever asked', async () => {
  const port = await freePort();
  const absent = await standInWorker().startBusy(600, ['-c', '1'], {
    DATABASE_URL: `postgres://stand-in@127.0.0.1:${port}/stand_in`,
  });
  await absent.waitForOutput(/could not connect to server: Connection refused/);
  const database = await open(10);
  const others = [database.url.replace('stand-in@', 'mastodon@'), 'not a url'];
  for (const DATABASE_URL of others) await standInWorker().startBusy(600, [], { DATABASE_URL });
  await standInWorker().startBusy(600, ['-c', '1'], { DATABASE_URL: database.url });
  await eventually(() => expect(database.connections()).toBe(1));
  expect(database.peak()).toBe(1);
});

async function open(maxConnections: number): Promise<Database> {
  const database = await openDatabase({ maxConnections });
  onTestFinished(() => database.close().catch(() => undefined));
  return database;
}

/** Once it is welcome. */
async function client({ url }: Database): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'data');
  return socket;
}
