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
import type { ObservedProcess } from '../../src/host.ts';
import type { Readiness } from '../../src/plan/spec.ts';
import { pauseBeforeCheck, prepareReadiness } from '../../src/process/readiness.ts';
import { FakeClock } from '../fakes/clock.ts';
import { child as spec } from '../fakes/plan.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { CountingClock } from '../output/pipe.ts';

type ObservedChild = {
  child: ObservedProcess;
  isReady: () => boolean;
  end: () => Promise<void>;
  clock: CountingClock;
  env: object;
};

let folder: string;

beforeEach(() => void (folder = tempFolder()));

/** Observes a fake child. It exits when the test ends, and no timer must be left then. */
function observe(ready: Readiness): ObservedChild {
  const clock = new CountingClock();
  const prepared = prepareReadiness(spec('puma', { ready, env: { OTHER: 'kept', READY: 'name' } }), folder, clock);
  let exit: (status: ExitStatus) => void = () => {};
  const exited = new Promise<ExitStatus>((resolve) => (exit = resolve));
  const child = prepared.observe({ pid: 1, exited, signal: () => {} });
  let isReady = false;
  void child.ready.then(() => (isReady = true));
  const end = async (): Promise<void> => {
    exit({ kind: 'exited', code: 0 });
    await exited;
    await new Promise(setImmediate);
  };
  onTestFinished(async () => {
    await end();
    expect(clock.pending).toBe(0);
  });
  return { child, isReady: () => isReady, end, clock, env: prepared.env };
}

type Handler = (socket: Socket, request: string, nth: number) => void;

/** A server that calls the handler for each request. */
async function serve(
  handler: Handler,
  socketPath?: string,
): Promise<{ ready: Readiness; server: Server; requests: () => number }> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding('utf8').on('error', () => {});
    socket.once('data', (request: string) => handler(socket, request, (requests += 1)));
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) =>
    socketPath ? server.listen(socketPath, resolve) : server.listen(0, '127.0.0.1', resolve),
  );
  const address = socketPath
    ? { socket: socketPath }
    : { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  return { ready: { kind: 'http', at: address, path: '/health', settleMs: 0 }, server, requests: () => requests };
}

test.each(['200 OK', '301 Moved', '403 Forbidden', '500 Oops', '503 Later'])(
  '%s counts as a response',
  async (status) => {
    let received = '';
    const { ready } = await serve((socket, request) => {
      received = request;
      socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
    });
    const { child, clock } = observe(ready);
    await child.ready;
    expect(received).toMatch(/^GET \/health HTTP\/1\.1\r\nHost: localhost\r\n(.+\r\n)*\r\n$/);
    expect(clock.pending).toBe(0);
  },
);

test.each<[string, Handler]>([
  ['closes without a response', (socket) => socket.end()],
  ['resets the connection', (socket) => void socket.resetAndDestroy()],
  ['speaks another protocol', (socket) => socket.end('-ERR unknown command\r\n')],
  ['closes in the middle of a response', (socket) => socket.end('HTT')],
])('a server that %s is not ready, and is checked again', async (_, handler) => {
  const { ready, requests } = await serve((socket, request, nth) => {
    if (nth < 4) handler(socket, request, nth);
    else socket.end('HTTP/1.1 200 OK\r\n\r\n');
  });
  const { child } = observe(ready);
  await child.ready;
  expect(requests()).toBe(4);
});

test('a slow server gets one request only, and its response may arrive in parts', async () => {
  let respond: (text: string) => void = () => {};
  const { ready, requests } = await serve((socket) => (respond = (text) => void socket.write(text)));
  const { child, isReady, clock } = observe(ready);
  await eventually(() => expect(requests()).toBe(1));
  expect(clock.pending).toBe(0);
  for (const part of ['H', 'TT', 'P']) respond(part);
  expect(isReady()).toBe(false);
  respond('/1.1 200 OK\r\n');
  await child.ready;
  expect(requests()).toBe(1);
});

test('a unix socket may be stale, then missing, then served', async () => {
  const socketPath = join(folder, 'puma.sock');
  writeFileSync(socketPath, '');
  const { child, isReady, clock } = observe({ kind: 'http', at: { socket: socketPath }, path: '/', settleMs: 0 });
  await eventually(() => expect(clock.started).toBeGreaterThan(1));
  rmSync(socketPath);
  const checksBefore = clock.started;
  await eventually(() => expect(clock.started).toBeGreaterThan(checksBefore + 1));
  expect(isReady()).toBe(false);
  await serve((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\n'), socketPath);
  await child.ready;
});

test('an exit during a check, connected or not, leaves no socket and no timer', async () => {
  const sockets = (): string[] =>
    process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TCPConnect/.test(name));
  const before = sockets().length;
  const { ready, requests, server } = await serve(() => {});
  const connected = observe(ready);
  await eventually(() => expect(requests()).toBe(1));
  await connected.end();
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
  await eventually(async () => expect(await connections()).toBe(0));
  const refused = observe({ kind: 'http', at: { host: '127.0.0.1', port: 1 }, path: '/', settleMs: 0 });
  await refused.end();
  await eventually(() => expect(sockets()).toHaveLength(before));
  expect([connected.isReady(), refused.isReady(), connected.clock.pending, refused.clock.pending]).toEqual([
    false,
    false,
    0,
    0,
  ]);
});

describe('settling', () => {
  /** A server that responds to its checks with these statuses in turn, and then always with the last one. The clock is a fake. */
  async function settling(settleMs: number, statuses: readonly string[]) {
    const { ready, requests } = await serve((socket, _, nth) => {
      const status = statuses[Math.min(nth, statuses.length) - 1];
      if (status === 'reset') socket.resetAndDestroy();
      else socket.end(`HTTP/1.1 ${String(status)}\r\n\r\n`);
    });
    const clock = new FakeClock();
    let exit: () => void = () => {};
    const exited = new Promise<ExitStatus>((resolve) => (exit = () => resolve({ kind: 'exited', code: 0 })));
    const prepared = prepareReadiness(spec('streaming', { ready: { ...ready, settleMs } as Readiness }), folder, clock);
    let readyAtMs: number | null = null;
    void prepared.observe({ pid: 1, exited, signal: () => {} }).ready.then(() => (readyAtMs = clock.now()));
    /** Runs the pending timer and its check. */
    const check = async (): Promise<void> => {
      const before = requests();
      while (clock.pendingTimers > 0 && requests() === before) {
        await clock.advance(1);
        if (clock.pendingTimers === 0)
          await eventually(() => expect(clock.pendingTimers === 1 || readyAtMs !== null).toBe(true));
      }
    };
    onTestFinished(async () => {
      exit();
      await exited;
      await new Promise(setImmediate);
      expect(clock.pendingTimers).toBe(0);
    });
    return { clock, check, requests, readyAtMs: () => readyAtMs };
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
    expect(server.requests()).toBe(6);
  });

  test.each(['reset', '503 Service Unavailable', '500 Oops'])('starts again after a check with %s', async (failure) => {
    const server = await settling(500, ['200 OK', '200 OK', '200 OK', failure, '200 OK']);
    for (let count = 1; count <= 5; count++) await server.check();
    const againAtMs = server.clock.now();
    for (let count = 1; count <= 5; count++) {
      expect(server.readyAtMs()).toBeNull();
      await server.check();
    }
    expect(server.readyAtMs()).toBe(againAtMs + 500);
  });

  test.each(['404 Not Found', '301 Moved'])('%s counts as a response', async (status) => {
    const server = await settling(500, [status]);
    for (let count = 1; count <= 6; count++) await server.check();
    expect(server.readyAtMs()).not.toBeNull();
  });

  test('an exit while it settles leaves no timer', async () => {
    const server = await settling(10_000, ['200 OK']);
    await server.check();
    await server.check();
    expect(server.readyAtMs()).toBeNull();
    expect(server.clock.pendingTimers).toBe(1);
  });

  test.each([
    ['during the boot, after a fifth of the time', { passed: 0, elapsedMs: 2000, settleMs: 500 }, 400],
    ['at least 50 ms', { passed: 0, elapsedMs: 0, settleMs: 0 }, 50],
    ['at most 1 s', { passed: 0, elapsedMs: 60_000, settleMs: 500 }, 1000],
    ['while it settles, a fifth of the settling time', { passed: 1, elapsedMs: 60_000, settleMs: 500 }, 100],
    ['the last check of the settling time', { passed: 5, elapsedMs: 3000, settleMs: 10_000 }, 2000],
    ['none once it has settled', { passed: 6, elapsedMs: 3000, settleMs: 500 }, null],
    ['none after the first response without a settling time', { passed: 1, elapsedMs: 3000, settleMs: 0 }, null],
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
    'replaced by a rename',
    () => {
      writeFileSync(join(folder, 'tmp/other'), '');
      renameSync(join(folder, 'tmp/other'), file());
    },
  ],
  [
    'removed and made again',
    () => {
      rmSync(file());
      writeFileSync(file(), '');
    },
  ],
])('the child is ready when its file is %s, and the file is removed when it exits', async (_, touch) => {
  const { child, isReady, end, env } = observe(byFile);
  expect(child.readinessUnknown).toBeNull();
  expect(env).toEqual({ OTHER: 'kept', READY: 'name' });
  expect(existsSync(file())).toBe(true);
  expect(isReady()).toBe(false);
  touch();
  await child.ready;
  await end();
  expect(existsSync(file())).toBe(false);
});

test('a missing file or a loop of symbolic links means not ready, and is no error', async () => {
  const { child, isReady, clock } = observe(byFile);
  rmSync(file());
  symlinkSync('ready-1', file());
  const checksBefore = clock.started;
  await eventually(() => expect(clock.started).toBeGreaterThan(checksBefore + 1));
  expect(isReady()).toBe(false);
  rmSync(file());
  writeFileSync(file(), '');
  await child.ready;
});

test.each([
  ['tmp is a file', 'EEXIST|ENOTDIR', () => writeFileSync(join(folder, 'tmp'), '')],
  [
    'a folder has the name of the file',
    'EEXIST',
    () => void mkdirSync(join(folder, 'tmp/ready-1'), { recursive: true }),
  ],
  ['no file can be made in the folder', 'ENOENT|EACCES|EPERM|EROFS', () => symlinkSync('/proc', join(folder, 'tmp'))],
])('%s: the reason is returned, the child gets no variable, and is never ready', async (_, reason, prepare) => {
  prepare();
  const before = readdirSync(folder);
  const { child, isReady, end, env, clock } = observe(byFile);
  expect(child.readinessUnknown).toMatch(new RegExp(reason));
  expect(env).toEqual({ OTHER: 'kept', READY: null });
  expect(clock.pending).toBe(0);
  await end();
  expect(isReady()).toBe(false);
  expect(readdirSync(folder)).toEqual(before);
});

test('a folder that was removed or made read-only while the child ran is no error at its exit', async () => {
  const { end } = observe(byFile);
  rmSync(join(folder, 'tmp'), { recursive: true });
  await end();
  const again = observe(byFile);
  chmodSync(join(folder, 'tmp'), 0o500);
  await again.end();
  expect(again.isReady()).toBe(false);
});
