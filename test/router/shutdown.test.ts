import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS, STOPPING_STALL_TIMEOUT_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './streams.ts';
import { statusOf, targetOf, headerOf } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, FakeUpstream } from './fake-upstream.ts';
import { rawClient, type RawConnection } from './raw-client.ts';

const API = '/api/v1/streaming';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: a'];
const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

function stop(fixture: RouterFixture): void {
  fixture.router.onEvent({ fact: 'stopping', because: 'SIGTERM', children: ['puma'], atMostMs: 29_000 });
}

/** Resolves once nobody gets in any more. */
async function isRefused(fixture: RouterFixture): Promise<void> {
  await eventually(async () => {
    const late = rawClient({ host: '127.0.0.1', port: fixture.port });
    await new Promise((resolve) => late.socket.once('connect', resolve).once('error', resolve));
    late.socket.destroy();
    expect(late.error).toBe('ECONNREFUSED');
  });
}

test('who comes in the moment of the stop is still served, and told to go', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const kept = fixture.client().send(request('/'));
  await awaitResponse(kept);
  stop(fixture);
  for (const client of [kept, fixture.client()]) {
    const before = client.received.length;
    client.send(request('/'));
    await eventually(() => expect(client.received.slice(before)).toMatch(/Connection: close\r\n[^]*ok$/));
  }
  const idle = fixture.client();
  await eventually(() => expect(idle.socket.readyState).toBe('open'));
  expect(fixture.commands).toEqual([]);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(fixture);
  expect(idle.isClosed).toBe(false);
  await clock.advance(DRAIN_GRACE_MS);
  await idle.closed();
  expect(fixture.commands).toContainEqual({ type: 'drained', child: 'puma' });
});

test('the port closes in a moment, and so do connections that have been served', async () => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const client = fixture.client().send(request('/'));
  await awaitResponse(client);
  stop(fixture);
  await isRefused(fixture);
  await client.closed();
  expect(client.error).toBeNull();
});

test('connections that have never said anything close with the port', async () => {
  const fixture = await startRouter();
  const unused = fixture.client();
  await eventually(() => expect(unused.socket.readyState).toBe('open'));
  stop(fixture);
  await unused.closed();
});

test('a request in flight gets its answer, which says close', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  await awaitRequests(puma, 1);
  stop(fixture);
  const drained = { type: 'drained', child: 'puma' };
  expect(fixture.commands).not.toContainEqual(drained);
  (await puma.awaitConnection()).send(plainResponse('late but sure'));
  const response = await awaitResponse(client);
  expect(response.body).toBe('late but sure');
  expect(headerOf(response, 'connection')).toBe('close');
  await client.closed();
  expect(client.error).toBeNull();
  await eventually(() => expect(fixture.commands).toContainEqual(drained));
});

/** A response that a stop finds under way, on a connection that its head has promised to keep. */
async function halfReplied(
  clock: FakeClock,
): Promise<{ fixture: RouterFixture; puma: FakeUpstream; client: RawConnection; finish: () => void }> {
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = rawClient({ host: '127.0.0.1', port: fixture.port, allowHalfOpen: true }).send(request('/first'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  stop(fixture);
  return { fixture, puma, client, finish: () => void server.send('more') };
}

test('a connection that a response has promised to keep is served in the moments after the stop', async () => {
  const { puma, client, finish } = await halfReplied(new FakeClock());
  finish();
  await client.until('halfmore');
  client.send(request('/second'));
  await awaitRequests(puma, 2);
  (await puma.awaitConnection(0)).send(plainResponse('and the last'));
  await client.until(/Connection: close\r\n[^]*and the last$/);
  await eventually(() => expect(client.hasEnded).toBe(true));
});

test('later it is closed with that response, and what comes on it is not passed on', async () => {
  const clock = new FakeClock();
  const { fixture, puma, client, finish } = await halfReplied(clock);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  finish();
  await eventually(() => expect(client.hasEnded).toBe(true));
  expect(client.received).toMatch(/halfmore$/);
  client.send(request('/second')).socket.end();
  await client.closed();
  expect(puma.requests).toHaveLength(1);
});

test('who still uploads when its response comes late in a stop gets that response, and no reset over it', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = rawClient({ host: '127.0.0.1', port: fixture.port, allowHalfOpen: true });
  client.send(request('/', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' }));
  const server = await puma.awaitConnection();
  await server.until('half');
  stop(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  await eventually(() => expect(client.hasEnded).toBe(true));
  client.send('more').socket.end('more');
  await client.closed();
  expect(client.received).toMatch(/big$/);
  expect(client.error).toBeNull();
});

test('an upload in flight is finished', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, ({ body }) => plainResponse(body));
  const client = fixture.client().send(request('/', { method: 'POST', headers: ['Content-Length: 8'], body: 'half' }));
  await (await puma.awaitConnection()).until('half');
  stop(fixture);
  client.send('more');
  expect((await awaitResponse(client)).body).toBe('halfmore');
  await client.closed();
});

test('what nobody is inside has drained at once, and only once', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  stop(fixture);
  const drained = ['puma', 'streaming'].map((child) => ({ type: 'drained', child }));
  await eventually(() => expect(fixture.commands).toEqual(drained));
  await fixture.router.close();
  expect(fixture.commands).toEqual(drained);
});

test('a WebSocket goes on until its server ends', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API, { headers: UPGRADE }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await client.until('\r\n\r\n');
  stop(fixture);
  server.send('still here');
  await client.until('still here');
  server.socket.destroy();
  await client.closed();
});

test('a stream of events goes on until its server ends, and is not presented as whole', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:)\n\r\n');
  await client.until(':)');
  stop(fixture);
  server.send('3\r\n:(\n\r\n');
  await client.until(':(');
  server.socket.destroy();
  await client.closed();
  expect(client.received).not.toContain('0\r\n\r\n');
});

test('close() ends everything: requests, uploads, downloads, held ones, WebSockets and those that want to be', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, ready: ['puma'] });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const clients = [
    fixture.client(),
    fixture.client().send('GET / HT'),
    fixture.client().send(request('/asked')),
    fixture.client().send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'half' })),
    fixture.client().send(request(`${API}/held`)),
    fixture.client().send(request(`${API}/held`, { headers: UPGRADE })),
  ];
  await eventually(() => expect(puma.requests.map(targetOf).sort()).toEqual(['/asked', '/upload']));
  await eventually(() => expect(clock.left).toBeGreaterThanOrEqual(3));
  await fixture.router.close();
  for (const client of clients) await client.closed();
  await eventually(() => expect(puma.openConnections).toBe(0));
  expect(clock.left).toBe(0);
});

test('an answer that has begun is finished, and then its connection closes', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  stop(fixture);
  server.send('more');
  expect((await awaitResponse(client)).body).toBe('halfmore');
  await client.closed();
});

test('requests that were sent behind one another before it are all answered', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/a') + request('/b'));
  const server = await puma.awaitRequest();
  stop(fixture);
  server.send(plainResponse('a'));
  await server.until('/b');
  server.send(plainResponse('b'));
  await client.until(/\r\n\r\na[^]*\r\n\r\nb$/);
  await client.closed();
});

test('who is held is turned away, and told to come again', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, ready: [] });
  const client = fixture.client().send(request('/'));
  await eventually(() => expect(clock.left).toBe(1));
  stop(fixture);
  const response = await awaitResponse(client);
  expect(statusOf(response)).toBe(503);
  expect(headerOf(response, 'retry-after')).not.toBeNull();
  await client.closed();
  await clock.advance(2 * DRAIN_GRACE_MS);
  expect(clock.left).toBe(0);
});

test('close() ends WebSockets, open or about to be', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const open = fixture.client().send(request(`${API}/open`, { headers: UPGRADE }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await open.until('\r\n\r\n');
  const asking = fixture.client().send(request(`${API}/asking`, { headers: UPGRADE }));
  await (await streaming.awaitConnection(1)).until('\r\n\r\n');
  await fixture.router.close();
  await Promise.all([open.closed(), asking.closed()]);
  await eventually(() => expect(streaming.openConnections).toBe(0));
  expect(clock.left).toBe(0);
});

test('an upstream that is gone already: come again, elsewhere', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const client = fixture.client();
  await eventually(() => expect(client.socket.readyState).toBe('open'));
  stop(fixture);
  const response = await awaitResponse(client.send(request('/')));
  expect([statusOf(response), headerOf(response, 'connection')]).toEqual([503, 'close']);
});

test('a client that takes nothing of its response holds nobody up for long', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client();
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 103809024\r\n\r\n');
  await new Producer(server.socket, 99 * MB).stalled();
  stop(fixture);
  await clock.advance(STOPPING_STALL_TIMEOUT_MS + 2000);
  await server.closed();
  await eventually(() => expect(fixture.commands).toContainEqual({ type: 'drained', child: 'puma' }));
});

test('a client that takes nothing of its WebSocket holds nobody up once the server has gone', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API, { headers: UPGRADE }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await client.until('\r\n\r\n');
  client.socket.pause();
  await new Producer(server.socket, 99 * MB).stalled();
  server.socket.destroy();
  await fixture.router.close(600_000);
  await eventually(() => expect(fixture.commands).toContainEqual({ type: 'drained', child: 'streaming' }));
});
