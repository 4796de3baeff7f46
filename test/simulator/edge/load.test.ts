import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startLoad, type Load, type LoadOptions } from '../../../src/simulator/edge/load.ts';
import { eventually } from '../../harness/eventually.ts';
import { freePort } from '../free-port.ts';
import { httpDyno, openEdgeFixture, rawDyno } from './edge-fixture.ts';

function load(options: Pick<LoadOptions, 'url'> & Partial<LoadOptions>): Load {
  const started = startLoad({ path: '/health', perSecond: 200, timeoutMs: 60_000, ...options });
  onTestFinished(async () => {
    await started.stop();
  });
  return started;
}

test('a steady load: as many as are due, each answered whole, on few connections', async () => {
  const paths = new Set<string | undefined>();
  const dyno = await httpDyno((request, response) => {
    paths.add(`${String(request.url)} ${String(request.headers.accept)}`);
    response.end('OK');
  });
  const fixture = await openEdgeFixture(dyno.target);
  const from = performance.now();
  const started = load({ url: fixture.edge.url, headers: { accept: 'text/html' } });
  // A late tick sends all that it has missed at once, each on a connection of its own.
  await eventually(() => expect(started.answered).toBeGreaterThan(Math.max(300, 2 * dyno.sockets.length)));
  const report = await started.stop();
  const due = ((performance.now() - from) / 1000) * 200;
  expect(report.sent).toBeGreaterThan(300);
  expect(report.sent + report.skipped).toBeLessThanOrEqual(due + 1);
  expect(report).toMatchObject({ answered: report.sent, failed: 0, failures: [] });
  expect([...paths]).toEqual(['/health text/html']);
  expect(report.p50Ms).toBeGreaterThan(0);
  expect(report.p99Ms).toBeGreaterThanOrEqual(report.p50Ms);
  expect(report.slowestMs + 1).toBeGreaterThanOrEqual(report.p99Ms);
  expect(dyno.sockets.length).toBeLessThan(report.sent / 2);
  await eventually(() => expect(fixture.lines.length).toBe(report.sent));
});

test('it goes on sending while nothing is answered, and waits for the open ones at its end', async () => {
  const dyno = await httpDyno((_, response) => void response.end('OK'));
  const fixture = await openEdgeFixture({ kind: 'booting' });
  const started = load({ url: fixture.edge.url });
  await eventually(() => expect(fixture.edge.openRequests).toBeGreaterThan(50));
  expect(started.answered).toBe(0);
  const stopped = started.stop();
  fixture.setTarget(dyno.target);
  const report = await stopped;
  expect(report).toMatchObject({ answered: report.sent, failed: 0 });
});

test('what is due beyond the most at once is skipped, and counted', async () => {
  const fixture = await openEdgeFixture({ kind: 'booting' });
  const started = load({ url: fixture.edge.url, maxOpen: 5 });
  await eventually(() => expect(started.report().skipped).toBeGreaterThan(5));
  await eventually(() => expect([started.sent, fixture.edge.openRequests]).toEqual([5, 5])); // a late tick sends all at once
  fixture.setTarget({ kind: 'none', code: 'H10' });
  await started.stop();
});

test.each<[string, (socket: Socket) => void]>([
  ['503 H13', (socket) => socket.end()],
  ['status 404', (socket) => socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')],
  ['status 503', (socket) => socket.write('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')],
  ['cut off', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')],
  ['timeout 0.2 s', () => {}],
])('says %s', async (what, answer) => {
  const dyno = await rawDyno((socket) => socket.on('data', () => answer(socket)));
  const fixture = await openEdgeFixture(dyno.target);
  const started = load({ url: fixture.edge.url, ...(what.startsWith('timeout') ? { timeoutMs: 200 } : {}) });
  const from = Date.now();
  await eventually(() => expect(started.failures.length).toBeGreaterThan(2));
  const report = await started.stop();
  expect(new Set(report.failures.map((failure) => failure.reason))).toEqual(new Set([what]));
  expect(report).toMatchObject({ answered: 0, failed: report.sent, p50Ms: 0, p99Ms: 0, slowestMs: 0 });
  expect(report.failures[0]?.atMs).toBeGreaterThanOrEqual(from);
});

test('says reset and refused where no edge answers', async () => {
  const resetting = await rawDyno((socket) => socket.once('data', () => socket.resetAndDestroy()));
  const port = resetting.target.kind === 'dyno' ? resetting.target.port : 0;
  for (const [what, at] of [
    ['reset', port],
    ['refused', await freePort()],
  ] as const) {
    const started = load({ url: `http://127.0.0.1:${at}` });
    await eventually(() => expect(started.failures.length).toBeGreaterThan(2));
    expect(new Set((await started.stop()).failures.map((failure) => failure.reason))).toEqual(new Set([what]));
  }
});

test('keeps a thousand failures, and counts all', async () => {
  const fixture = await openEdgeFixture({ kind: 'none', code: 'H14' });
  const started = load({ url: fixture.edge.url, perSecond: 5000 });
  await eventually(() => expect(started.report().failed).toBeGreaterThan(1200));
  expect((await started.stop()).failures).toHaveLength(1000);
});
