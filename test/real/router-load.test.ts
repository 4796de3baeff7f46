import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, type RawData } from 'ws';
import type { Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { endOf, withExit } from './instance.ts';
import { startRouted } from './router-app.ts';
import { ask, Load, type Kind } from './router-load.ts';

const MIXED: readonly Kind[] = [
  { method: 'GET', path: '/health' },
  { method: 'GET', path: '/seen?a=b' },
  { method: 'HEAD', path: '/health' },
  { method: 'POST', path: '/digest', body: 'x'.repeat(100_000) },
  { method: 'GET', path: '/pieces?count=8' },
  { method: 'GET', path: '/cookies' },
  { method: 'GET', path: '/slow?seconds=0.02' },
  { method: 'DELETE', path: '/seen' },
];
/** `ROUTER_LOAD=long npm test -- test/real/router-load.test.ts` takes two minutes. */
const { times: TIMES, requests: REQUESTS } =
  process.env.ROUTER_LOAD === 'long' ? { times: 50, requests: 10_000 } : { times: 8, requests: 2000 };
const WARM_TIMES = 4;
type Range = { from: number; to: number };
/** By how much the supervisor's memory may change by itself. */
const MEMORY_TOLERANCE_MB = 6;

test('a deploy under steady load, SIGTERM to the supervisor: no request in flight fails', async () => {
  const { dyno, port } = await startRouted();
  await dyno.waitForOutput(/puma is ready after/);
  const load = new Load(port, MIXED);
  await eventually(() => expect(load.outcomes.length).toBeGreaterThan(200));
  const atMs = performance.now();
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  const failed = (await load.stop()).filter(({ status }) => status !== 200);
  expect(failed.filter(({ sentAtMs }) => sentAtMs !== null && sentAtMs < atMs)).toEqual([]);
  // Later requests find the port closed or closing. No client gets half a response, or an error response.
  expect(failed.filter(({ error }) => error !== 'ECONNREFUSED' && error !== 'ECONNRESET')).toEqual([]);
});

test('a deploy under steady load, SIGTERM to all: puma answers what it has begun, and no response is cut', async () => {
  const { dyno, port } = await startRouted({ RAILS_LOG_LEVEL: 'info', MAX_THREADS: '5' });
  await dyno.waitForOutput(/puma is ready after/);
  const slow = [1, 2, 3].map(() => ask(port, { method: 'GET', path: '/slow?seconds=3' }));
  await eventually(() => expect(dyno.output.match(/Started GET "\/slow\?seconds=3"/g)).toHaveLength(3));
  const load = new Load(port, MIXED, { clients: 4 });
  await eventually(() => expect(load.outcomes.length).toBeGreaterThan(20));
  dyno.signalAll('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200, 200]);
  // puma removes its socket at once: the router answers the requests that still waited there.
  const statuses = new Set((await load.stop()).map(({ status, error }) => status ?? error));
  for (const status of statuses) expect([200, 502, 503, 'ECONNREFUSED', 'ECONNRESET']).toContain(status);
});

test(
  `${REQUESTS} requests while streaming starts and stops ${TIMES} times: none fails, no message is lost`,
  { timeout: 400_000 },
  async () => {
    const env = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1s', SUPERVISE_ROUTER: undefined };
    const { dyno, port } = await startRouted(env);
    await dyno.waitForOutput(/puma is ready after/);
    // A warm-up, so that the measurement starts after the first allocations of the supervisor.
    await wakeUnderLoad({ dyno, port }, { from: 0, to: WARM_TIMES }, 1000);
    const before = await atRest(dyno.pid);

    await wakeUnderLoad({ dyno, port }, { from: WARM_TIMES, to: WARM_TIMES + TIMES }, REQUESTS);
    expect(dyno.output.match(/"event":"started","child":"streaming"/g)).toHaveLength(WARM_TIMES + TIMES);
    expect(dyno.output).not.toMatch(/router-warning|"event":"backing-off"/);

    await eventually(async () => {
      const after = await atRest(dyno.pid);
      expect(after.sockets).toBeLessThanOrEqual(before.sockets);
      expect(after.megabytes, `${before.megabytes} MB before`).toBeLessThan(before.megabytes + MEMORY_TOLERANCE_MB);
    });
    dyno.signal('SIGTERM');
    expect(await endOf(dyno)).toEqual(withExit(0));
  },
);

/** Under load, lets four clients start streaming and waits for its idle stop, repeatedly, until so many requests are answered. */
async function wakeUnderLoad(
  { dyno, port }: { dyno: Dyno; port: number },
  times: Range,
  requests: number,
): Promise<void> {
  const loads = [new Load(port, MIXED, { keepAlive: true }), new Load(port, MIXED)];
  for (let time = times.from; time < times.to; time += 1) {
    await Promise.all(Array.from({ length: 4 }, () => watchATimeline(port, 100)));
    await untilStopped(dyno, time + 1);
  }
  await eventually(() =>
    expect(loads.reduce((sum, { outcomes }) => sum + outcomes.length, 0)).toBeGreaterThan(requests),
  );
  const outcomes = (await Promise.all(loads.map((load) => load.stop()))).flat();
  expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
}

/** Opens a WebSocket, requests so many numbered messages, expects all of them in order, and closes it. */
async function watchATimeline(port: number, messages: number): Promise<void> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/v1/streaming?stream=user`, 'a-token');
  onTestFinished(() => client.terminate());
  const received: unknown[] = [];
  client.on('message', (data: RawData) =>
    received.push((JSON.parse((data as Buffer).toString()) as { count: number }).count),
  );
  await once(client, 'open');
  client.send(JSON.stringify({ type: 'count', from: 1, to: messages, everyMs: 1 }));
  await eventually(() => expect(received.length).toBe(messages));
  expect(received).toEqual(Array.from({ length: messages }, (_, index) => index + 1));
  client.close(1000);
  await once(client, 'close');
}

/** Resolves once streaming has exited that many times. */
async function untilStopped(dyno: Dyno, times: number): Promise<void> {
  await eventually(() => expect(dyno.output.match(/"event":"exited","child":"streaming"/g)).toHaveLength(times));
}

/** Sockets and memory of the supervisor itself, once its idle connections are closed. */
async function atRest(pid: number): Promise<{ sockets: number; megabytes: number }> {
  let last = Infinity;
  await eventually(() => {
    const now = readdirSync(`/proc/${pid}/fd`).length;
    const isStable = now === last;
    last = now;
    expect(isStable).toBe(true);
  });
  const [, kilobytes = ''] = /^Private_Dirty:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
  return { sockets: last, megabytes: Number(kilobytes) / 1024 };
}
