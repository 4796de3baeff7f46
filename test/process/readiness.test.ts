import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ExitStatus } from '../../src/exit-status.ts';
import type { Child } from '../../src/host.ts';
import type { Readiness } from '../../src/plan/spec.ts';
import { pauseBeforeCheck, prepareReadiness } from '../../src/process/readiness.ts';
import { FakeClock } from '../fakes/clock.ts';
import { child as spec } from '../fakes/plan.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { CountingClock } from '../output/pipe.ts';

type Watched = { child: Child; isReady: () => boolean; end: () => Promise<void>; clock: CountingClock; env: object };

let folder: string;

beforeEach(() => void (folder = tempFolder()));

/** A child that only lives and ends; the watch is real. Ends with the test, and leaves no timer. */
function watch(ready: Readiness): Watched {
  const clock = new CountingClock();
  const prepared = prepareReadiness(spec('puma', { ready, env: { OTHER: 'kept', READY: 'name' } }), folder, clock);
  let exit: (status: ExitStatus) => void = () => {};
  const exited = new Promise<ExitStatus>((resolve) => (exit = resolve));
  const child = prepared.observe({ pid: 1, exited, signal: () => {} });
  let ready_ = false;
  void child.ready.then(() => (ready_ = true));
  const end = async (): Promise<void> => {
    exit({ kind: 'exited', code: 0 });
    await exited;
    await new Promise(setImmediate);
  };
  onTestFinished(async () => {
    await end();
    expect(clock.pending).toBe(0);
  });
  return { child, isReady: () => ready_, end, clock, env: prepared.env };
}

type Conversation = (socket: Socket, request: string, nth: number) => void;

/** A server that behaves so at each visit. */
async function serve(
  converse: Conversation,
  at?: string,
): Promise<{ ready: Readiness; server: Server; visits: () => number }> {
  let visits = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding('utf8').on('error', () => {});
    socket.once('data', (request: string) => converse(socket, request, (visits += 1)));
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => (at ? server.listen(at, resolve) : server.listen(0, '127.0.0.1', resolve)));
  const place = at ? { socket: at } : { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  return { ready: { kind: 'http', at: place, path: '/health', settleMs: 0 }, server, visits: () => visits };
}

test.each(['200 OK', '301 Moved', '403 Forbidden', '500 Oops', '503 Later'])('%s is an answer', async (status) => {
  let heard = '';
  const { ready } = await serve((socket, request) => {
    heard = request;
    socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
  });
  const { child, clock } = watch(ready);
  await child.ready;
  expect(heard).toMatch(/^GET \/health HTTP\/1\.1\r\nHost: localhost\r\n(.+\r\n)*\r\n$/);
  expect(clock.pending).toBe(0);
});

test.each<[string, Conversation]>([
  ['closes without a word', (socket) => socket.end()],
  ['breaks off', (socket) => void socket.resetAndDestroy()],
  ['talks of something else', (socket) => socket.end('-ERR unknown command\r\n')],
  ['begins and stops', (socket) => socket.end('HTT')],
])('a server that %s is not ready, and asked again', async (_, converse) => {
  const { ready, visits } = await serve((socket, request, nth) => {
    if (nth < 4) converse(socket, request, nth);
    else socket.end('HTTP/1.1 200 OK\r\n\r\n');
  });
  const { child } = watch(ready);
  await child.ready;
  expect(visits()).toBe(4);
});

test('a server that takes its time is waited for, not knocked at again; an answer may come in bits', async () => {
  let answer: (text: string) => void = () => {};
  const { ready, visits } = await serve((socket) => (answer = (text) => void socket.write(text)));
  const { child, isReady, clock } = watch(ready);
  await eventually(() => expect(visits()).toBe(1));
  expect(clock.pending).toBe(0);
  for (const bit of ['H', 'TT', 'P']) answer(bit);
  expect(isReady()).toBe(false);
  answer('/1.1 200 OK\r\n');
  await child.ready;
  expect(visits()).toBe(1);
});

test('a unix socket that is not there yet, stale, then served', async () => {
  const at = join(folder, 'puma.sock');
  writeFileSync(at, '');
  const { child, isReady, clock } = watch({ kind: 'http', at: { socket: at }, path: '/', settleMs: 0 });
  await eventually(() => expect(clock.started).toBeGreaterThan(1));
  rmSync(at);
  const asked = clock.started;
  await eventually(() => expect(clock.started).toBeGreaterThan(asked + 1));
  expect(isReady()).toBe(false);
  await serve((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\n'), at);
  await child.ready;
});

test('an end while it knocks, or is heard, leaves no socket and no timer', async () => {
  const sockets = (): string[] =>
    process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TCPConnect/.test(name));
  const before = sockets().length;
  const { ready, visits, server } = await serve(() => {});
  const heard = watch(ready);
  await eventually(() => expect(visits()).toBe(1));
  await heard.end();
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
  await eventually(async () => expect(await connections()).toBe(0));
  const refused = watch({ kind: 'http', at: { host: '127.0.0.1', port: 1 }, path: '/', settleMs: 0 });
  await refused.end();
  await eventually(() => expect(sockets()).toHaveLength(before));
  expect([heard.isReady(), refused.isReady(), heard.clock.pending, refused.clock.pending]).toEqual([
    false,
    false,
    0,
    0,
  ]);
});

describe('settling', () => {
  /** A server that answers its checks so, in turn, and the last one from then on; the clock moves by hand. */
  async function settling(settleMs: number, answers: readonly string[]) {
    const { ready, visits } = await serve((socket, _, nth) => {
      const status = answers[Math.min(nth, answers.length) - 1];
      if (status === 'reset') socket.resetAndDestroy();
      else socket.end(`HTTP/1.1 ${String(status)}\r\n\r\n`);
    });
    const clock = new FakeClock();
    let exit: () => void = () => {};
    const exited = new Promise<ExitStatus>((resolve) => (exit = () => resolve({ kind: 'exited', code: 0 })));
    const watched = prepareReadiness(spec('streaming', { ready: { ...ready, settleMs } as Readiness }), folder, clock);
    let readyAtMs: number | null = null;
    void watched.observe({ pid: 1, exited, signal: () => {} }).ready.then(() => (readyAtMs = clock.now()));
    /** Lets the pending timer run, and its check end. */
    const check = async (): Promise<void> => {
      const before = visits();
      while (clock.left > 0 && visits() === before) {
        await clock.advance(1);
        if (clock.left === 0) await eventually(() => expect(clock.left === 1 || readyAtMs !== null).toBe(true));
      }
    };
    onTestFinished(async () => {
      exit();
      await exited;
      await new Promise(setImmediate);
      expect(clock.left).toBe(0);
    });
    return { clock, check, visits, readyAtMs: () => readyAtMs };
  }

  test('ready once every check of the settling time has passed', async () => {
    const server = await settling(500, ['200 OK']);
    await server.check();
    const firstAtMs = server.clock.now();
    for (let count = 1; count <= 5; count++) {
      expect(server.readyAtMs()).toBeNull();
      await server.check();
    }
    expect(server.readyAtMs()).toBe(firstAtMs + 500);
    expect(server.visits()).toBe(6);
  });

  test.each(['reset', '503 Service Unavailable', '500 Oops'])(
    'starts again after a check that gives %s',
    async (bad) => {
      const server = await settling(500, ['200 OK', '200 OK', '200 OK', bad, '200 OK']);
      for (let count = 1; count <= 5; count++) await server.check();
      const againAtMs = server.clock.now();
      for (let count = 1; count <= 5; count++) {
        expect(server.readyAtMs()).toBeNull();
        await server.check();
      }
      expect(server.readyAtMs()).toBe(againAtMs + 500);
    },
  );

  test.each(['404 Not Found', '301 Moved'])('%s is an answer, as before', async (status) => {
    const server = await settling(500, [status]);
    for (let count = 1; count <= 6; count++) await server.check();
    expect(server.readyAtMs()).not.toBeNull();
  });

  test('an exit while it settles leaves no timer', async () => {
    const server = await settling(10_000, ['200 OK']);
    await server.check();
    await server.check();
    expect(server.readyAtMs()).toBeNull();
    expect(server.clock.left).toBe(1);
  });

  test.each([
    ['while it boots, after a fifth of the time', { passed: 0, elapsedMs: 2000, settleMs: 500 }, 400],
    ['at the least 50 ms', { passed: 0, elapsedMs: 0, settleMs: 0 }, 50],
    ['at the most 1 s', { passed: 0, elapsedMs: 60_000, settleMs: 500 }, 1000],
    ['while it settles, a fifth of the settling time', { passed: 1, elapsedMs: 60_000, settleMs: 500 }, 100],
    ['the last check of the settling time', { passed: 5, elapsedMs: 3000, settleMs: 10_000 }, 2000],
    ['none once it has settled', { passed: 6, elapsedMs: 3000, settleMs: 500 }, null],
    ['none after the first answer without a settling time', { passed: 1, elapsedMs: 3000, settleMs: 0 }, null],
  ])('the next check: %s', (_, progress, pauseMs) => {
    expect(pauseBeforeCheck(progress)).toBe(pauseMs);
  });
});

const byFile: Readiness = { kind: 'file', variable: 'READY', name: 'ready-1' };
const file = (): string => join(folder, 'tmp/ready-1');

test.each([
  ['touched', () => utimesSync(file(), new Date(), new Date())],
  ['written', () => writeFileSync(file(), 'ok')],
  [
    'put anew in its place',
    () => {
      writeFileSync(join(folder, 'tmp/other'), '');
      renameSync(join(folder, 'tmp/other'), file());
    },
  ],
  [
    'taken away and made again',
    () => {
      rmSync(file());
      writeFileSync(file(), '');
    },
  ],
])('a file that is %s says ready; it goes with the child', async (_, touch) => {
  const { child, isReady, end, env } = watch(byFile);
  expect(child.readinessUnknown).toBeNull();
  expect(env).toEqual({ OTHER: 'kept', READY: 'name' });
  expect(existsSync(file())).toBe(true);
  expect(isReady()).toBe(false);
  touch();
  await child.ready;
  await end();
  expect(existsSync(file())).toBe(false);
});

test('a file that is gone, or leads in circles, is not ready, and no error', async () => {
  const { child, isReady, clock } = watch(byFile);
  rmSync(file());
  symlinkSync('ready-1', file());
  const looks = clock.started;
  await eventually(() => expect(clock.started).toBeGreaterThan(looks + 1));
  expect(isReady()).toBe(false);
  rmSync(file());
  writeFileSync(file(), '');
  await child.ready;
});

test.each([
  ['tmp is a file', 'EEXIST|ENOTDIR', () => writeFileSync(join(folder, 'tmp'), '')],
  ['the file is there already', 'EEXIST', () => void mkdirSync(join(folder, 'tmp/ready-1'), { recursive: true })],
  ['the folder takes no file', 'ENOENT|EACCES|EPERM|EROFS', () => symlinkSync('/proc', join(folder, 'tmp'))],
])('%s: told why, the child is not told of the file, and never ready', async (_, why, prepare) => {
  prepare();
  const before = readdirSync(folder);
  const { child, isReady, end, env, clock } = watch(byFile);
  expect(child.readinessUnknown).toMatch(new RegExp(why));
  expect(env).toEqual({ OTHER: 'kept', READY: null });
  expect(clock.pending).toBe(0);
  await end();
  expect(isReady()).toBe(false);
  expect(readdirSync(folder)).toEqual(before);
});

test('a folder that went away, or became another, while the child ran is no error at its end', async () => {
  const { end } = watch(byFile);
  rmSync(join(folder, 'tmp'), { recursive: true });
  await end();
  const again = watch(byFile);
  chmodSync(join(folder, 'tmp'), 0o500);
  await again.end();
  expect(again.isReady()).toBe(false);
});
