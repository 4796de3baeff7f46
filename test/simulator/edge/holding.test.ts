import { expect, test } from 'vitest';
import { eventually } from '../../harness/eventually.ts';
import { get } from '../get.ts';
import { httpDyno, openBed } from './bed.ts';

const HELD = { kind: 'booting' } as const;

test('a hundred requests are held while a dyno boots, and all answered once it is up', async () => {
  const dyno = await httpDyno((request, response) => void response.end(request.url));
  const bed = await openBed(HELD);
  const address = { host: '127.0.0.1', port: bed.edge.port };
  const asked = Promise.all(Array.from({ length: 100 }, (_, number) => get(address, `/${number}`)));
  await eventually(() => expect(bed.edge.openRequests).toBe(100));
  bed.edge.changed(); // Nothing is up yet.
  expect([bed.edge.openRequests, bed.lines, dyno.sockets.length]).toEqual([100, [], 0]);
  bed.move(dyno.target);
  const answers = await asked;
  expect(answers.map(({ status, body }) => [status, body])).toEqual(answers.map((_, number) => [200, `/${number}`]));
  await bed.line(100);
  expect(bed.lines.every((line) => line.startsWith('at=info '))).toBe(true);
  expect(bed.edge.openRequests).toBe(0);
});

test('what was held counts as time to connect', async () => {
  const dyno = await httpDyno((_, response) => void response.end());
  const bed = await openBed(HELD);
  const from = performance.now();
  const asked = get({ host: '127.0.0.1', port: bed.edge.port }, '/');
  await eventually(() => expect(bed.edge.openRequests).toBe(1));
  const heldFrom = performance.now();
  await eventually(() => expect(performance.now() - heldFrom).toBeGreaterThan(30));
  bed.move(dyno.target);
  await asked;
  const connectMs = Number(/connect=(\d+)ms/.exec(await bed.line())?.[1]);
  expect(connectMs).toBeGreaterThanOrEqual(30);
  expect(connectMs).toBeLessThanOrEqual(performance.now() - from + 1);
});

test('held requests get H10 when the dyno crashes instead', async () => {
  const bed = await openBed(HELD);
  const asked = get({ host: '127.0.0.1', port: bed.edge.port }, '/');
  await eventually(() => expect(bed.edge.openRequests).toBe(1));
  bed.move({ kind: 'none', code: 'H10' });
  expect((await asked).headers['x-simulator-error']).toBe('H10');
});

test('the time of holding is one, however often dynos change', async () => {
  const bed = await openBed(HELD, { holdMs: 100 });
  const asked = get({ host: '127.0.0.1', port: bed.edge.port }, '/');
  const beat = setInterval(() => bed.edge.changed(), 20);
  expect((await asked).headers['x-simulator-error']).toBe('H20');
  clearInterval(beat);
});

test('the body of a held request reaches the dyno', async () => {
  const dyno = await httpDyno((request, response) => void request.pipe(response));
  const bed = await openBed(HELD);
  const client = bed.client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nheld ');
  await eventually(() => expect(bed.edge.openRequests).toBe(1));
  bed.move(dyno.target);
  client.send('body');
  await client.until(/200 OK[^]*held[^]*body/);
});
