import { expect, test } from 'vitest';
import { eventually } from '../../harness/eventually.ts';
import { get } from '../get.ts';
import { httpDyno, openEdgeFixture } from './edge-fixture.ts';

const HELD = { kind: 'booting' } as const;

test('a hundred requests are held while a dyno boots, and all answered once it is up', async () => {
  const dyno = await httpDyno((request, response) => void response.end(request.url));
  const fixture = await openEdgeFixture(HELD);
  const address = { host: '127.0.0.1', port: fixture.edge.port };
  const asked = Promise.all(Array.from({ length: 100 }, (_, number) => get(address, `/${number}`)));
  await eventually(() => expect(fixture.edge.openRequests).toBe(100));
  fixture.edge.retarget(); // Nothing is up yet.
  expect([fixture.edge.openRequests, fixture.lines, dyno.sockets.length]).toEqual([100, [], 0]);
  fixture.setTarget(dyno.target);
  const answers = await asked;
  expect(answers.map(({ status, body }) => [status, body])).toEqual(answers.map((_, number) => [200, `/${number}`]));
  await fixture.line(100);
  expect(fixture.lines.every((line) => line.startsWith('at=info '))).toBe(true);
  expect(fixture.edge.openRequests).toBe(0);
});

test('what was held counts as time to connect', async () => {
  const dyno = await httpDyno((_, response) => void response.end());
  const fixture = await openEdgeFixture(HELD);
  const from = performance.now();
  const asked = get({ host: '127.0.0.1', port: fixture.edge.port }, '/');
  await eventually(() => expect(fixture.edge.openRequests).toBe(1));
  const heldFrom = performance.now();
  await eventually(() => expect(performance.now() - heldFrom).toBeGreaterThan(30));
  fixture.setTarget(dyno.target);
  await asked;
  const connectMs = Number(/connect=(\d+)ms/.exec(await fixture.line())?.[1]);
  expect(connectMs).toBeGreaterThanOrEqual(30);
  expect(connectMs).toBeLessThanOrEqual(performance.now() - from + 1);
});

test('held requests get H10 when the dyno crashes instead', async () => {
  const fixture = await openEdgeFixture(HELD);
  const asked = get({ host: '127.0.0.1', port: fixture.edge.port }, '/');
  await eventually(() => expect(fixture.edge.openRequests).toBe(1));
  fixture.setTarget({ kind: 'none', code: 'H10' });
  expect((await asked).headers['x-simulator-error']).toBe('H10');
});

test('the time of holding is one, however often dynos change', async () => {
  const fixture = await openEdgeFixture(HELD, { holdMs: 100 });
  const asked = get({ host: '127.0.0.1', port: fixture.edge.port }, '/');
  const beat = setInterval(() => fixture.edge.retarget(), 20);
  expect((await asked).headers['x-simulator-error']).toBe('H20');
  clearInterval(beat);
});

test('the body of a held request reaches the dyno', async () => {
  const dyno = await httpDyno((request, response) => void request.pipe(response));
  const fixture = await openEdgeFixture(HELD);
  const client = fixture.client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nheld ');
  await eventually(() => expect(fixture.edge.openRequests).toBe(1));
  fixture.setTarget(dyno.target);
  client.send('body');
  await client.until(/200 OK[^]*held[^]*body/);
});
