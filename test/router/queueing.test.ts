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
  respondingUpstream(path, (message) => plainResponse(`${targetOf(message)} ${message.body}`));

/** A router whose upstreams are not ready, on a fake clock. */
async function startNotReady(): Promise<{ fixture: RouterFixture; clock: FakeClock }> {
  const clock = new FakeClock();
  return { clock, fixture: await startRouter({ clock, ready: [] }) };
}

/** One request on each of this many connections. Resolves once all are queued. */
async function queue(fixture: RouterFixture, clock: FakeClock, count: number): Promise<RawConnection[]> {
  const clients = Array.from({ length: count }, (_, index) => fixture.client().send(request(`/${index}`)));
  await eventually(() => expect(clock.pendingTimers).toBe(count));
  return clients;
}

function expectUnavailable(response: Message): void {
  expect(statusOf(response)).toBe(503);
  expect(Number(headerOf(response, 'retry-after'))).toBeGreaterThan(0);
}

test.each([
  ['before the upstream starts', () => undefined],
  ['while the upstream starts', (fixture: RouterFixture) => fixture.started('puma')],
])('requests that arrive %s are served once it is ready', async (_, before) => {
  const { fixture, clock } = await startNotReady();
  before(fixture);
  const clients = await queue(fixture, clock, 3);
  const upload = fixture
    .client()
    .send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'some body' }));
  await eventually(() => expect(clock.pendingTimers).toBe(4));
  const puma = echoing(fixture.pumaSocket);
  await clock.advance(QUEUE_TIMEOUT_MS - 1);
  expect(puma.connections).toEqual([]);
  fixture.ready('puma');
  for (const [index, client] of clients.entries())
    expect(await awaitResponse(client)).toMatchObject({ body: `/${index} ` });
  expect(await awaitResponse(upload)).toMatchObject({ body: '/upload some body' });
});

test('an upstream that is only assumed ready gets no requests', async () => {
  const { fixture, clock } = await startNotReady();
  const [client] = await queue(fixture, clock, 1);
  fixture.changed('puma', 'ready', 'assumed');
  echoing(fixture.pumaSocket);
  fixture.ready('puma');
  if (client) expect(statusOf(await awaitResponse(client))).toBe(200);
});

test('a queued request times out after 25 s', async () => {
  const { fixture, clock } = await startNotReady();
  const [client] = await queue(fixture, clock, 1);
  await clock.advance(QUEUE_TIMEOUT_MS - 1);
  expect(client?.received).toBe('');
  await clock.advance(1);
  if (client) expectUnavailable(await awaitResponse(client));
  expect(clock.pendingTimers).toBe(0);
});

test('the queue is bounded, and has room again after a client disconnects', async () => {
  const { fixture, clock } = await startNotReady();
  const clients = await queue(fixture, clock, MAX_QUEUED);
  expectUnavailable(await awaitResponse(fixture.client().send(request('/one-more'))));
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.pendingTimers).toBe(MAX_QUEUED - 1));
  const another = fixture.client().send(request('/another'));
  await eventually(() => expect(clock.pendingTimers).toBe(MAX_QUEUED));
  echoing(fixture.pumaSocket);
  fixture.ready('puma');
  expect((await awaitResponse(another)).body).toBe('/another ');
  for (const client of clients.slice(1)) await awaitResponse(client);
});

test('the request of a client that disconnects while queued is not forwarded', async () => {
  const { fixture, clock } = await startNotReady();
  const clients = await queue(fixture, clock, 2);
  clients[0]?.socket.destroy();
  await eventually(() => expect(clock.pendingTimers).toBe(1));
  const puma = echoing(fixture.pumaSocket);
  fixture.ready('puma');
  await awaitResponse(clients[1] ?? fixture.client());
  expect(puma.requests.map(targetOf)).toEqual(['/1']);
});

test('requests for one upstream do not wait for the other', async () => {
  const { fixture, clock } = await startNotReady();
  await queue(fixture, clock, 1);
  echoing(fixture.streamingSocket);
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(fixture.client().send(request('/api/v1/streaming/public'))))).toBe(200);
});

test('requests wait while their upstream restarts, and none is lost', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = echoing(fixture.pumaSocket);
  const client = fixture.client().send(request('/before'));
  await awaitResponse(client);
  fixture.exited('puma');
  await puma.close();
  client.send(request('/between'));
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThan(0));
  fixture.started('puma');
  const again = echoing(fixture.pumaSocket);
  fixture.ready('puma');
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['/before ', '/between ']);
  expect(again.requests.map(targetOf)).toEqual(['/between']);
});

test.each(['stopping', 'killing'] as const)('in the state %s, new requests are queued', async (state) => {
  const { fixture, clock } = await startNotReady();
  fixture.ready('puma');
  fixture.changed('puma', state);
  await queue(fixture, clock, 1);
});

test('after the event recycling, active requests are served, new ones queued, and drained is reported', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = respondingUpstream(fixture.pumaSocket, (message) =>
    targetOf(message) === '/slow' ? '' : plainResponse('ok'),
  );
  const active = fixture.client().send(request('/slow'));
  await awaitRequests(puma, 1);
  fixture.changed('puma', 'quieting');
  const queued = fixture.client().send(request('/queued'));
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThan(0));
  expect(fixture.commands).toEqual([]);
  (await puma.awaitConnection()).send(plainResponse('slow'));
  expect((await awaitResponse(active)).body).toBe('slow');
  await eventually(() => expect(fixture.commands).toEqual([{ type: 'idle', child: 'puma' }]));
  fixture.exited('puma');
  fixture.started('puma');
  fixture.ready('puma');
  expect((await awaitResponse(queued)).body).toBe('ok');
});

test('after the event recycling without active requests, drained is reported at once', async () => {
  const { fixture } = await startNotReady();
  fixture.ready('puma');
  fixture.changed('puma', 'quieting');
  expect(fixture.commands).toEqual([{ type: 'idle', child: 'puma' }]);
});

test('a queued request keeps its place among pipelined requests', async () => {
  const { fixture, clock } = await startNotReady();
  echoing(fixture.pumaSocket);
  echoing(fixture.streamingSocket);
  fixture.ready('streaming');
  const client = fixture.client().send(request('/first') + request('/api/v1/streaming/second'));
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThan(0));
  fixture.ready('puma');
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['/first ', '/api/v1/streaming/second ']);
});
