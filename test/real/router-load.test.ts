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
const TIMES = 50;
const WARM_TIMES = 10;
const REQUESTS = 10_000;
type Range = { from: number; to: number };
/** What a supervisor's memory may move by itself. */
const ASIDE_MB = 6;

test('a deploy under steady load, TERM to the supervisor: no request in flight fails', async () => {
  const { dyno, port } = await startRouted();
  await dyno.says(/puma is ready after/);
  const load = new Load(port, MIXED);
  await eventually(() => expect(load.outcomes.length).toBeGreaterThan(200));
  const atMs = performance.now();
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  const failed = (await load.stop()).filter(({ status }) => status !== 200);
  expect(failed.filter(({ sentAtMs }) => sentAtMs !== null && sentAtMs < atMs)).toEqual([]);
  // Who came too late found no port, or one that was about to close: nobody got half an answer, or an error for one.
  expect(failed.filter(({ error }) => error !== 'ECONNREFUSED' && error !== 'ECONNRESET')).toEqual([]);
});

test('a deploy under steady load, TERM to all at once: what puma has in hand is answered, and nothing by halves', async () => {
  const { dyno, port } = await startRouted({ RAILS_LOG_LEVEL: 'info', MAX_THREADS: '5' });
  await dyno.says(/puma is ready after/);
  const slow = [1, 2, 3].map(() => ask(port, { method: 'GET', path: '/slow?seconds=3' }));
  await eventually(() => expect(dyno.output.match(/Started GET "\/slow\?seconds=3"/g)).toHaveLength(3));
  const load = new Load(port, MIXED, { clients: 4 });
  await eventually(() => expect(load.outcomes.length).toBeGreaterThan(20));
  dyno.signalAll('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200, 200]);
  // puma takes its socket away at once: what still waited there is answered by us.
  const statuses = new Set((await load.stop()).map(({ status, error }) => status ?? error));
  for (const each of statuses) expect([200, 502, 503, 'ECONNREFUSED', 'ECONNRESET']).toContain(each);
});

test(
  `${REQUESTS} requests while streaming starts and stops ${TIMES} times: none fails, no message is lost`,
  { timeout: 400_000 },
  async () => {
    const env = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1s', SUPERVISE_ROUTER: undefined };
    const { dyno, port } = await startRouted(env);
    await dyno.says(/puma is ready after/);
    // The same on a small scale, so that nothing is new to the supervisor's memory when it is measured.
    await wakeUnderLoad({ dyno, port }, { from: 0, to: WARM_TIMES }, 1000);
    const before = await atRest(dyno.pid);

    await wakeUnderLoad({ dyno, port }, { from: WARM_TIMES, to: WARM_TIMES + TIMES }, REQUESTS);
    expect(dyno.output.match(/"event":"started","child":"streaming"/g)).toHaveLength(WARM_TIMES + TIMES);
    expect(dyno.output).not.toMatch(/router-warning|"event":"backing-off"/);

    await eventually(async () => {
      const after = await atRest(dyno.pid);
      expect(after.sockets).toBeLessThanOrEqual(before.sockets);
      expect(after.megabytes, `${before.megabytes} MB before`).toBeLessThan(before.megabytes + ASIDE_MB);
    });
    dyno.signal('SIGTERM');
    expect(await endOf(dyno)).toEqual(withExit(0));
  },
);

/** Under load, has streaming woken by four clients and put to rest, again and again, until so many requests are answered. */
async function wakeUnderLoad(
  { dyno, port }: { dyno: Dyno; port: number },
  times: Range,
  requests: number,
): Promise<void> {
  const loads = [new Load(port, MIXED, { keepAlive: true }), new Load(port, MIXED)];
  for (let time = times.from; time < times.to; time += 1) {
    await Promise.all(Array.from({ length: 4 }, () => watchATimeline(port, 100)));
    await asleep(dyno, time + 1);
  }
  await eventually(() =>
    expect(loads.reduce((sum, { outcomes }) => sum + outcomes.length, 0)).toBeGreaterThan(requests),
  );
  const outcomes = (await Promise.all(loads.map((load) => load.stop()))).flat();
  expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
}

/** Opens a WebSocket, has so many numbered messages sent to it, holds that they all come, in order, and closes it. */
async function watchATimeline(port: number, messages: number): Promise<void> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/v1/streaming?stream=user`, 'a-token');
  onTestFinished(() => client.terminate());
  const heard: unknown[] = [];
  client.on('message', (data: RawData) =>
    heard.push((JSON.parse((data as Buffer).toString()) as { count: number }).count),
  );
  await once(client, 'open');
  client.send(JSON.stringify({ type: 'count', from: 1, to: messages, everyMs: 1 }));
  await eventually(() => expect(heard.length).toBe(messages));
  expect(heard).toEqual(Array.from({ length: messages }, (_, index) => index + 1));
  client.close(1000);
  await once(client, 'close');
}

/** Resolves once streaming has been put to rest that many times. */
async function asleep(dyno: Dyno, times: number): Promise<void> {
  await eventually(() => expect(dyno.output.match(/"event":"exited","child":"streaming"/g)).toHaveLength(times));
}

/** What the supervisor itself holds, once its idle connections are closed. */
async function atRest(pid: number): Promise<{ sockets: number; megabytes: number }> {
  let last = Infinity;
  await eventually(() => {
    const now = readdirSync(`/proc/${pid}/fd`).length;
    const isStill = now === last;
    last = now;
    expect(isStill).toBe(true);
  });
  const [, kilobytes = ''] = /^Private_Dirty:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
  return { sockets: last, megabytes: Number(kilobytes) / 1024 };
}
