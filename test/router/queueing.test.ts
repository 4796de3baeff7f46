import { expect, test } from 'vitest';
import { MAX_QUEUED, QUEUE_TIMEOUT_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, headerOf, type Message } from './messages.ts';
import { awaitResponses, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, type FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

const echoing = (path: string): FakeUpstream =>
  respondingUpstream(path, (asked) => plainResponse(`${targetOf(asked)} ${asked.body}`));

/** A router whose puma is not up yet, on a clock that stands still. */
async function startEarly(): Promise<{ fixture: RouterFixture; clock: FakeClock }> {
  const clock = new FakeClock();
  return { clock, fixture: await startRouter({ clock, ready: [] }) };
}

/** One request each, held; resolves once the router has them all. */
async function held(fixture: RouterFixture, clock: FakeClock, count: number): Promise<RawConnection[]> {
  const clients = Array.from({ length: count }, (_, index) => fixture.client().send(request(`/${index}`)));
  await eventually(() => expect(clock.left).toBe(count));
  return clients;
}

function isUnavailable(response: Message): void {
  expect(statusOf(response)).toBe(503);
  expect(Number(headerOf(response, 'retry-after'))).toBeGreaterThan(0);
}

test.each([
  ['from the first moment on', () => undefined],
  ['while it starts', (fixture: RouterFixture) => fixture.started('puma')],
])('requests that come %s are answered once the upstream is ready', async (_, before) => {
  const { fixture, clock } = await startEarly();
  before(fixture);
  const clients = await held(fixture, clock, 3);
  const upload = fixture
    .client()
    .send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'some body' }));
  await eventually(() => expect(clock.left).toBe(4));
  const puma = echoing(fixture.pumaSocket);
  await clock.advance(QUEUE_TIMEOUT_MS - 1);
  expect(puma.connections).toEqual([]);
  fixture.ready('puma');
  for (const [index, client] of clients.entries())
    expect(await awaitResponse(client)).toMatchObject({ body: `/${index} ` });
  expect(await awaitResponse(upload)).toMatchObject({ body: '/upload some body' });
});

test('an upstream that is only taken as up is waited for', async () => {
  const { fixture, clock } = await startEarly();
  const [client] = await held(fixture, clock, 1);
  fixture.router.onEvent({ fact: 'taken-as-up', child: 'puma', afterMs: 60_000 });
  echoing(fixture.pumaSocket);
  fixture.ready('puma');
  if (client) expect(statusOf(await awaitResponse(client))).toBe(200);
});

test('a request is held for so long and no longer', async () => {
  const { fixture, clock } = await startEarly();
  const [client] = await held(fixture, clock, 1);
  await clock.advance(QUEUE_TIMEOUT_MS - 1);
  expect(client?.received).toBe('');
  await clock.advance(1);
  if (client) isUnavailable(await awaitResponse(client));
  expect(clock.left).toBe(0);
});

test('so many are held and no more, and there is room again when one has left', async () => {
  const { fixture, clock } = await startEarly();
  const clients = await held(fixture, clock, MAX_QUEUED);
  isUnavailable(await awaitResponse(fixture.client().send(request('/one-more'))));
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.left).toBe(MAX_QUEUED - 1));
  const another = fixture.client().send(request('/another'));
  await eventually(() => expect(clock.left).toBe(MAX_QUEUED));
  echoing(fixture.pumaSocket);
  fixture.ready('puma');
  expect((await awaitResponse(another)).body).toBe('/another ');
  for (const client of clients.slice(1)) await awaitResponse(client);
});

test('a client that leaves while it is held is never asked for', async () => {
  const { fixture, clock } = await startEarly();
  const clients = await held(fixture, clock, 2);
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.left).toBe(1));
  const puma = echoing(fixture.pumaSocket);
  fixture.ready('puma');
  await awaitResponse(clients[1] ?? fixture.client());
  expect(puma.requests.map(targetOf)).toEqual(['/1']);
});

test('who is held for one upstream does not wait for the other', async () => {
  const { fixture, clock } = await startEarly();
  await held(fixture, clock, 1);
  echoing(fixture.streamingSocket);
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(fixture.client().send(request('/api/v1/streaming/public'))))).toBe(200);
});

test('an upstream that is restarted: requests wait, and none is lost', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = echoing(fixture.pumaSocket);
  const client = fixture.client().send(request('/before'));
  await awaitResponse(client);
  fixture.exited('puma');
  await puma.close();
  client.send(request('/between'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  fixture.started('puma');
  const again = echoing(fixture.pumaSocket);
  fixture.ready('puma');
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['/before ', '/between ']);
  expect(again.requests.map(targetOf)).toEqual(['/between']);
});

test.each(['restarting', 'saving'] as const)('an upstream that is %s takes nobody new', async (fact) => {
  const { fixture, clock } = await startEarly();
  fixture.ready('puma');
  if (fact === 'restarting') fixture.router.onEvent({ fact, child: 'puma', idle: true });
  else fixture.router.onEvent({ fact, child: 'puma', why: 'memory', killed: false });
  await held(fixture, clock, 1);
});

test('an upstream that is recycled: who is inside is served, who comes waits, and the last to leave is told', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = respondingUpstream(fixture.pumaSocket, (asked) =>
    targetOf(asked) === '/slow' ? '' : plainResponse('ok'),
  );
  const inside = fixture.client().send(request('/slow'));
  await awaitRequests(puma, 1);
  fixture.router.onEvent({ fact: 'recycling', child: 'puma', why: 'memory', quietMs: 20_000 });
  const outside = fixture.client().send(request('/outside'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  expect(fixture.commands).toEqual([]);
  (await puma.awaitConnection()).send(plainResponse('slow'));
  expect((await awaitResponse(inside)).body).toBe('slow');
  await eventually(() => expect(fixture.commands).toEqual([{ type: 'drained', child: 'puma' }]));
  fixture.exited('puma');
  fixture.started('puma');
  fixture.ready('puma');
  expect((await awaitResponse(outside)).body).toBe('ok');
});

test('an upstream that is recycled with nobody inside has drained at once', async () => {
  const { fixture } = await startEarly();
  fixture.ready('puma');
  fixture.router.onEvent({ fact: 'recycling', child: 'puma', why: 'memory', quietMs: 20_000 });
  expect(fixture.commands).toEqual([{ type: 'drained', child: 'puma' }]);
});

test('who is held has its place in the order of its connection', async () => {
  const { fixture, clock } = await startEarly();
  echoing(fixture.pumaSocket);
  echoing(fixture.streamingSocket);
  fixture.ready('streaming');
  const client = fixture.client().send(request('/first') + request('/api/v1/streaming/second'));
  await eventually(() => expect(clock.left).toBeGreaterThan(0));
  fixture.ready('puma');
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['/first ', '/api/v1/streaming/second ']);
});
