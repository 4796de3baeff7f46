import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS, STOPPING_STALL_TIMEOUT_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './streams.ts';
import { statusOf, targetOf, headerOf } from './messages.ts';
import { awaitResponse, unreadResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, FakeUpstream } from './fake-upstream.ts';
import { rawClient, type RawConnection } from './raw-client.ts';
import { ACCEPTED, API, UPGRADE_HEADERS } from './websocket-fixture.ts';

/** Resolves once the port is closed. */
async function portClosed(fixture: RouterFixture): Promise<void> {
  await eventually(async () => {
    const late = rawClient({ host: '127.0.0.1', port: fixture.port });
    await new Promise((resolve) => late.socket.once('connect', resolve).once('error', resolve));
    late.socket.destroy();
    expect(late.error).toBe('ECONNREFUSED');
  });
}

test('requests that arrive as a shutdown begins are served with Connection: close', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const kept = fixture.client().send(request('/'));
  await awaitResponse(kept);
  fixture.stop();
  for (const client of [kept, fixture.client()]) {
    const before = client.received.length;
    client.send(request('/'));
    await eventually(() => expect(client.received.slice(before)).toMatch(/Connection: close\r\n[^]*ok$/));
  }
  const idle = fixture.client();
  await eventually(() => expect(idle.socket.readyState).toBe('open'));
  expect(fixture.commands).toEqual([]);
  await clock.advance(DRAIN_GRACE_MS);
  await portClosed(fixture);
  expect(idle.isClosed).toBe(false);
  await clock.advance(DRAIN_GRACE_MS);
  await idle.closed();
  expect(fixture.commands).toContainEqual({ type: 'idle', child: 'puma' });
});

test('the port closes, and idle connections close without an error', async () => {
  const fixture = await startRouter();
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const client = fixture.client().send(request('/'));
  await awaitResponse(client);
  fixture.stop();
  await portClosed(fixture);
  await client.closed();
  expect(client.error).toBeNull();
});

test('unused connections close too', async () => {
  const fixture = await startRouter();
  const unused = fixture.client();
  await eventually(() => expect(unused.socket.readyState).toBe('open'));
  fixture.stop();
  await unused.closed();
});

test('a connection on which a request is arriving is not closed with the idle ones', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const client = fixture.client().send('GET / HTTP/1.1\r\n');
  await awaitResponse(fixture.client().send(request('/'))); // now the router has read the first line, too
  fixture.stop();
  await clock.advance(DRAIN_GRACE_MS);
  await portClosed(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  client.send('Host: social.example\r\n\r\n');
  expect((await awaitResponse(client)).body).toBe('ok');
});

test('a request in flight gets its response with Connection: close', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  await awaitRequests(puma, 1);
  fixture.stop();
  const drained = { type: 'idle', child: 'puma' };
  expect(fixture.commands).not.toContainEqual(drained);
  (await puma.awaitConnection()).send(plainResponse('late'));
  const response = await awaitResponse(client);
  expect(response.body).toBe('late');
  expect(headerOf(response, 'connection')).toBe('close');
  await client.closed();
  expect(client.error).toBeNull();
  await eventually(() => expect(fixture.commands).toContainEqual(drained));
});

/** A shutdown begins during a response whose head has already promised to keep the connection. */
async function halfResponded(
  clock: FakeClock,
): Promise<{ fixture: RouterFixture; puma: FakeUpstream; client: RawConnection; finish: () => void }> {
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client({ allowHalfOpen: true }).send(request('/first'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  fixture.stop();
  return { fixture, puma, client, finish: () => void server.send('more') };
}

test('a connection promised to be kept is still served while the port closes', async () => {
  const { puma, client, finish } = await halfResponded(new FakeClock());
  finish();
  await client.until('halfmore');
  client.send(request('/second'));
  await awaitRequests(puma, 2);
  (await puma.awaitConnection(0)).send(plainResponse('the last'));
  await client.until(/Connection: close\r\n[^]*the last$/);
  await eventually(() => expect(client.hasEnded).toBe(true));
});

test('after that it closes with its response, and later requests are not forwarded', async () => {
  const clock = new FakeClock();
  const { fixture, puma, client, finish } = await halfResponded(clock);
  await clock.advance(DRAIN_GRACE_MS);
  await portClosed(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  finish();
  await eventually(() => expect(client.hasEnded).toBe(true));
  expect(client.received).toMatch(/halfmore$/);
  client.send(request('/second')).socket.end();
  await client.closed();
  expect(puma.requests).toHaveLength(1);
});

test('a client that is still uploading gets the response to an aborted upload, not a reset', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client({ allowHalfOpen: true });
  client.send(request('/', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' }));
  const server = await puma.awaitConnection();
  await server.until('half');
  fixture.stop();
  await clock.advance(DRAIN_GRACE_MS);
  await portClosed(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  await eventually(() => expect(client.hasEnded).toBe(true));
  client.send('more').socket.end('more');
  await client.closed();
  expect(client.received).toMatch(/big$/);
  expect(client.error).toBeNull();
});

test('an upload in flight is completed', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, ({ body }) => plainResponse(body));
  const client = fixture.client().send(request('/', { method: 'POST', headers: ['Content-Length: 8'], body: 'half' }));
  await (await puma.awaitConnection()).until('half');
  fixture.stop();
  client.send('more');
  expect((await awaitResponse(client)).body).toBe('halfmore');
  await client.closed();
});

test('an upstream without requests is drained at once, and reported once', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  fixture.stop();
  const drained = ['puma', 'streaming'].map((child) => ({ type: 'idle', child }));
  await eventually(() => expect(fixture.commands).toEqual(drained));
  await fixture.router.close();
  expect(fixture.commands).toEqual(drained);
});

test('a WebSocket stays open until its upstream exits', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await client.until('\r\n\r\n');
  fixture.stop();
  server.send('still here');
  await client.until('still here');
  server.socket.destroy();
  await client.closed();
});

test('an event stream continues until its upstream exits, and does not look complete', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:)\n\r\n');
  await client.until(':)');
  fixture.stop();
  server.send('3\r\n:(\n\r\n');
  await client.until(':(');
  server.socket.destroy();
  await client.closed();
  expect(client.received).not.toContain('0\r\n\r\n');
});

test('close() ends requests, uploads, queued requests and queued upgrades', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, ready: ['puma'] });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const clients = [
    fixture.client(),
    fixture.client().send('GET / HT'),
    fixture.client().send(request('/in-flight')),
    fixture.client().send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'half' })),
    fixture.client().send(request(`${API}/queued`)),
    fixture.client().send(request(`${API}/queued`, { headers: UPGRADE_HEADERS })),
  ];
  await eventually(() => expect(puma.requests.map(targetOf).sort()).toEqual(['/in-flight', '/upload']));
  await eventually(() => expect(clock.pendingTimers).toBeGreaterThanOrEqual(3));
  await fixture.router.close();
  for (const client of clients) await client.closed();
  await eventually(() => expect(puma.openConnections).toBe(0));
  expect(clock.pendingTimers).toBe(0);
});

test('a response that has begun is completed, then its connection closes', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  fixture.stop();
  server.send('more');
  expect((await awaitResponse(client)).body).toBe('halfmore');
  await client.closed();
});

test('requests pipelined before the shutdown all get responses', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/a') + request('/b'));
  const server = await puma.awaitRequest();
  fixture.stop();
  server.send(plainResponse('a'));
  await server.until('/b');
  server.send(plainResponse('b'));
  await client.until(/\r\n\r\na[^]*\r\n\r\nb$/);
  await client.closed();
});

test('queued requests get 503 with Retry-After', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, ready: [] });
  const client = fixture.client().send(request('/'));
  await eventually(() => expect(clock.pendingTimers).toBe(1));
  fixture.stop();
  const response = await awaitResponse(client);
  expect(statusOf(response)).toBe(503);
  expect(headerOf(response, 'retry-after')).not.toBeNull();
  await client.closed();
  await clock.advance(2 * DRAIN_GRACE_MS);
  expect(clock.pendingTimers).toBe(0);
});

test('close() ends open WebSockets and pending upgrades', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const open = fixture.client().send(request(`${API}/open`, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await open.until('\r\n\r\n');
  const asking = fixture.client().send(request(`${API}/asking`, { headers: UPGRADE_HEADERS }));
  await (await streaming.awaitConnection(1)).until('\r\n\r\n');
  await fixture.router.close();
  await Promise.all([open.closed(), asking.closed()]);
  await eventually(() => expect(streaming.openConnections).toBe(0));
  expect(clock.pendingTimers).toBe(0);
});

test('an upstream that has already exited: 503 with Connection: close', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const client = fixture.client();
  await eventually(() => expect(client.socket.readyState).toBe('open'));
  fixture.stop();
  const response = await awaitResponse(client.send(request('/')));
  expect([statusOf(response), headerOf(response, 'connection')]).toEqual([503, 'close']);
});

test('a client that does not read its response delays the shutdown for 5 s at most', async () => {
  const clock = new FakeClock();
  const { fixture, server } = await unreadResponse(clock);
  fixture.stop();
  await clock.advance(STOPPING_STALL_TIMEOUT_MS + 2000);
  await server.closed();
  await eventually(() => expect(fixture.commands).toContainEqual({ type: 'idle', child: 'puma' }));
});

test('a client that does not read its WebSocket does not delay close() after its upstream exits', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await client.until('\r\n\r\n');
  client.socket.pause();
  await new Producer(server.socket, 99 * MB).stalled();
  server.socket.destroy();
  await fixture.router.close(600_000);
  await eventually(() => expect(fixture.commands).toContainEqual({ type: 'idle', child: 'streaming' }));
});
