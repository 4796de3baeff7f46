import { expect, test } from 'vitest';
import { HOLD_AT_MOST, HOLD_AT_MOST_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, valueOf, type Message } from './messages.ts';
import { repliesOn, replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, requestsOf, type Upstream } from './upstream.ts';
import type { Wire } from './wire.ts';

const echoing = (path: string): Upstream => answering(path, (asked) => plain(`${targetOf(asked)} ${asked.body}`));

/** A router whose puma is not up yet, on a clock that stands still. */
async function startEarly(): Promise<{ rig: Rig; clock: FakeClock }> {
  const clock = new FakeClock();
  return { clock, rig: await startRouter({ clock, up: [] }) };
}

/** One request each, held; resolves once the router has them all. */
async function held(rig: Rig, clock: FakeClock, count: number): Promise<Wire[]> {
  const clients = Array.from({ length: count }, (_, index) => rig.client().send(request(`/${index}`)));
  await eventually(() => expect(clock.left).toBe(count));
  return clients;
}

function isUnavailable(reply: Message): void {
  expect(statusOf(reply)).toBe(503);
  expect(Number(valueOf(reply, 'retry-after'))).toBeGreaterThan(0);
}

test.each([
  ['from the first moment on', () => undefined],
  ['while it starts', (rig: Rig) => rig.started('puma')],
])('requests that come %s are answered once the upstream is ready', async (_, before) => {
  const { rig, clock } = await startEarly();
  before(rig);
  const clients = await held(rig, clock, 3);
  const upload = rig
    .client()
    .send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'some body' }));
  await eventually(() => expect(clock.left).toBe(4));
  const puma = echoing(rig.pumaSocket);
  await clock.advance(HOLD_AT_MOST_MS - 1);
  expect(puma.wires).toEqual([]);
  rig.ready('puma');
  for (const [index, client] of clients.entries()) expect(await replyOn(client)).toMatchObject({ body: `/${index} ` });
  expect(await replyOn(upload)).toMatchObject({ body: '/upload some body' });
});

test('an upstream that is only taken as up is waited for', async () => {
  const { rig, clock } = await startEarly();
  const [client] = await held(rig, clock, 1);
  rig.router.hear({ fact: 'taken-as-up', child: 'puma', afterMs: 60_000 });
  echoing(rig.pumaSocket);
  rig.ready('puma');
  if (client) expect(statusOf(await replyOn(client))).toBe(200);
});

test('a request is held for so long and no longer', async () => {
  const { rig, clock } = await startEarly();
  const [client] = await held(rig, clock, 1);
  await clock.advance(HOLD_AT_MOST_MS - 1);
  expect(client?.received).toBe('');
  await clock.advance(1);
  if (client) isUnavailable(await replyOn(client));
  expect(clock.left).toBe(0);
});

test('so many are held and no more, and there is room again when one has left', async () => {
  const { rig, clock } = await startEarly();
  const clients = await held(rig, clock, HOLD_AT_MOST);
  isUnavailable(await replyOn(rig.client().send(request('/one-more'))));
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.left).toBe(HOLD_AT_MOST - 1));
  const another = rig.client().send(request('/another'));
  await eventually(() => expect(clock.left).toBe(HOLD_AT_MOST));
  echoing(rig.pumaSocket);
  rig.ready('puma');
  expect((await replyOn(another)).body).toBe('/another ');
  for (const client of clients.slice(1)) await replyOn(client);
});

test('a client that leaves while it is held is never asked for', async () => {
  const { rig, clock } = await startEarly();
  const clients = await held(rig, clock, 2);
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.left).toBe(1));
  const puma = echoing(rig.pumaSocket);
  rig.ready('puma');
  await replyOn(clients[1] ?? rig.client());
  expect(puma.requests.map(targetOf)).toEqual(['/1']);
});

test('who is held for one upstream does not wait for the other', async () => {
  const { rig, clock } = await startEarly();
  await held(rig, clock, 1);
  echoing(rig.streamingSocket);
  rig.ready('streaming');
  expect(statusOf(await replyOn(rig.client().send(request('/api/v1/streaming/public'))))).toBe(200);
});

test('an upstream that is restarted: requests wait, and none is lost', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = echoing(rig.pumaSocket);
  const client = rig.client().send(request('/before'));
  await replyOn(client);
  rig.ended('puma');
  await puma.close();
  client.send(request('/between'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  rig.started('puma');
  const again = echoing(rig.pumaSocket);
  rig.ready('puma');
  expect((await repliesOn(client, 2)).map(({ body }) => body)).toEqual(['/before ', '/between ']);
  expect(again.requests.map(targetOf)).toEqual(['/between']);
});

test.each(['restarting', 'saving'] as const)('an upstream that is %s takes nobody new', async (fact) => {
  const { rig, clock } = await startEarly();
  rig.ready('puma');
  if (fact === 'restarting') rig.router.hear({ fact, child: 'puma', idle: true });
  else rig.router.hear({ fact, child: 'puma', why: 'memory', killed: false });
  await held(rig, clock, 1);
});

test('an upstream that is recycled: who is inside is served, who comes waits, and the last to leave is told', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = answering(rig.pumaSocket, (asked) => (targetOf(asked) === '/slow' ? '' : plain('ok')));
  const inside = rig.client().send(request('/slow'));
  await requestsOf(puma, 1);
  rig.router.hear({ fact: 'recycling', child: 'puma', why: 'memory', quietMs: 20_000 });
  const outside = rig.client().send(request('/outside'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  expect(rig.demands).toEqual([]);
  (await puma.wire()).send(plain('slow'));
  expect((await replyOn(inside)).body).toBe('slow');
  await eventually(() => expect(rig.demands).toEqual([{ type: 'drained', child: 'puma' }]));
  rig.ended('puma');
  rig.started('puma');
  rig.ready('puma');
  expect((await replyOn(outside)).body).toBe('ok');
});

test('an upstream that is recycled with nobody inside has drained at once', async () => {
  const { rig } = await startEarly();
  rig.ready('puma');
  rig.router.hear({ fact: 'recycling', child: 'puma', why: 'memory', quietMs: 20_000 });
  expect(rig.demands).toEqual([{ type: 'drained', child: 'puma' }]);
});

test('who is held has its place in the order of its connection', async () => {
  const { rig, clock } = await startEarly();
  echoing(rig.pumaSocket);
  echoing(rig.streamingSocket);
  rig.ready('streaming');
  const client = rig.client().send(request('/first') + request('/api/v1/streaming/second'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  rig.ready('puma');
  expect((await repliesOn(client, 2)).map(({ body }) => body)).toEqual(['/first ', '/api/v1/streaming/second ']);
});
