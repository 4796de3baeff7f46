import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './streams.ts';
import { parseResponses, statusOf, targetOf, headerOf } from './messages.ts';
import { awaitBrokenResponse, awaitResponses, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, awaitRequests, FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

const API = '/api/v1/streaming';
/** Responds with the request target. */
const echoing = (path: string): FakeUpstream => respondingUpstream(path, (message) => plainResponse(targetOf(message)));

test('a connection to an upstream is reused for requests of other clients', async () => {
  const fixture = await startRouter();
  const puma = echoing(fixture.pumaSocket);
  for (const target of ['/a', '/b', '/c']) {
    expect((await awaitResponse(fixture.client().send(request(target)))).body).toBe(target);
  }
  expect(puma.connections).toHaveLength(1);
});

test('there are as many upstream connections as concurrent requests', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const clients = [1, 2, 3].map(() => fixture.client().send(request('/')));
  await awaitRequests(puma, 3);
  expect(puma.connections).toHaveLength(3);
  for (const connection of puma.connections) connection.send(plainResponse('ok'));
  for (const client of clients) await awaitResponse(client);
  for (const client of clients) client.send(request('/again'));
  await awaitRequests(puma, 6);
  expect(puma.connections).toHaveLength(3);
});

test('requests beyond the number of kept connections use connections that close', async () => {
  const fixture = await startRouter(); // keeps 5 connections to puma
  const puma = new FakeUpstream(fixture.pumaSocket);
  const clients = Array.from({ length: 7 }, () => fixture.client().send(request('/')));
  const requests = await awaitRequests(puma, 7);
  expect(requests.map((message) => headerOf(message, 'connection')).sort()).toEqual([
    'close',
    'close',
    ...Array<null>(5).fill(null),
  ]);
  for (const connection of puma.connections) connection.send(plainResponse('ok'));
  for (const client of clients) expect(headerOf(await awaitResponse(client), 'connection')).toBe('keep-alive');
  await eventually(() => expect(puma.openConnections).toBeLessThanOrEqual(5));
});

test('no connection is kept while more requests are in flight than connections are kept', async () => {
  const fixture = await startRouter({ clock: new FakeClock() }); // keeps 5 connections to puma
  const puma = new FakeUpstream(fixture.pumaSocket);
  for (let count = 0; count < 6; count += 1) fixture.client().send(request('/'));
  await awaitRequests(puma, 6);
  const server = puma.connections.find(({ received }) => !received.includes('Connection: close'));
  await server?.send(plainResponse('ok')).closed();
  expect(puma.openConnections).toBe(5);
});

test('no connection to streaming is kept', async () => {
  const fixture = await startRouter();
  const streaming = echoing(fixture.streamingSocket);
  const client = fixture.client().send(request(API) + request(API));
  await awaitResponses(client, 2);
  expect(streaming.requests.map((message) => headerOf(message, 'connection'))).toEqual(['close', 'close']);
  await eventually(() => expect(streaming.openConnections).toBe(0));
});

test('an idle upstream connection is closed before the upstream closes it', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  const puma = echoing(fixture.pumaSocket);
  await awaitResponse(fixture.client().send(request('/')));
  expect(puma.openConnections).toBe(1);
  await clock.advance(4900); // Node closes after 5 s
  await eventually(() => expect(puma.openConnections).toBe(0));
});

test.each([
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
])('a connection on which an upstream sends %s is not reused', async (_, response) => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, () => response);
  const client = fixture.client().send(request('/'));
  expect(headerOf(await awaitResponse(client), 'connection')).toBe('keep-alive');
  client.send(request('/'));
  await awaitResponses(client, 2);
  expect(puma.connections).toHaveLength(2);
});

test('a connection on which an upload was cut off by the response is not reused', async () => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' }));
  const server = await puma.awaitConnection();
  await server.until('half');
  server.send(plainResponse('big', '413 Payload Too Large'));
  expect(statusOf(await awaitResponse(client))).toBe(413);
  await server.closed();
});

test('a client connection is kept alive longer than by the edge of the platform', async () => {
  const fixture = await startRouter();
  echoing(fixture.pumaSocket);
  const response = await awaitResponse(fixture.client().send(request('/')));
  expect(headerOf(response, 'keep-alive')).toBe('timeout=95');
});

test('a request with Connection: close closes its connection', async () => {
  const fixture = await startRouter();
  echoing(fixture.pumaSocket);
  const client = fixture.client().send(request('/', { headers: ['Connection: close'] }));
  expect(headerOf(await awaitResponse(client), 'connection')).toBe('close');
  await client.closed();
});

test('pipelined requests are forwarded one after the other, across both upstreams', async () => {
  const fixture = await startRouter();
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), echoing(fixture.streamingSocket)];
  const client = fixture.client().send(request('/slow') + request(`${API}/health`) + request('/last'));
  const slow = await puma.awaitRequest();
  await serveAnother(fixture, puma);
  expect([puma.requests.length, streaming.requests.length]).toEqual([2, 0]);
  slow.send(plainResponse('slow'));
  await eventually(() => expect(puma.requests).toHaveLength(3));
  for (const connection of puma.connections)
    if (connection.received.includes('/last')) connection.send(plainResponse('last'));
  expect((await awaitResponses(client, 3)).map(({ body }) => body)).toEqual(['slow', `${API}/health`, 'last']);
});

test.each([
  ['before the response', ''],
  ['in the head of the response', 'HTTP/1.1 200 OK\r\nA: b'],
  ['in the body of the response', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
  ['in an endless response', 'HTTP/1.1 200 OK\r\n\r\nhalf'],
])('a client disconnects %s: the upstream connection closes', async (_, beginning) => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send(beginning);
  if (beginning.endsWith('half')) await client.until('half');
  client.socket.destroy();
  await server.closed();
});

test.each(['a length', 'chunks'])(
  'a client disconnects in an upload with %s: the upstream sees an incomplete body',
  async (framing) => {
    const fixture = await startRouter();
    const puma = new FakeUpstream(fixture.pumaSocket);
    const [headers, body] =
      framing === 'chunks' ? [['Transfer-Encoding: chunked'], '4\r\nhalf\r\n'] : [['Content-Length: 100'], 'half'];
    const client = fixture.client().send(request('/', { method: 'POST', headers, body }));
    const server = await puma.awaitConnection();
    await server.until('half');
    client.socket.destroy();
    await server.closed();
    expect(puma.requests).toMatchObject([{ isComplete: false }]);
  },
);

/** A kept connection that the upstream closes when the next request arrives. */
async function closingConnection(): Promise<{ fixture: RouterFixture; puma: FakeUpstream; client: RawConnection }> {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client();
  const server = await serveOnce(client, puma);
  server.socket.once('data', () => server.socket.destroy());
  return { fixture, puma, client };
}

test('a request on a connection that the upstream is closing is sent again', async () => {
  const { fixture, puma, client } = await closingConnection();
  client.send(request('/again'));
  const other = await puma.awaitConnection(1);
  await other.until('/again');
  other.send(plainResponse('again'));
  expect((await awaitResponses(client, 2)).map(({ body }) => body)).toEqual(['once', 'again']);
  expect(fixture.warnings).toEqual([]);
});

test.each([
  ['a request with a body', request('/again', { method: 'PUT', headers: ['Content-Length: 2'], body: 'hi' })],
  ['a POST', request('/again', { method: 'POST' })],
])('%s is not sent again', async (_, again) => {
  const { fixture, puma, client } = await closingConnection();
  client.send(again);
  expect((await awaitResponses(client, 2)).map(statusOf)).toEqual([200, 502]);
  expect(puma.connections).toHaveLength(1);
  expect(fixture.warnings).toHaveLength(1);
});

test('a request is sent again only once', async () => {
  const { puma, client } = await closingConnection();
  client.send(request('/again'));
  const other = await puma.awaitConnection(1);
  other.socket.destroy();
  expect((await awaitResponses(client, 2)).map(statusOf)).toEqual([200, 502]);
  expect(puma.connections).toHaveLength(2);
});

test('an unreachable upstream: 502 without its path, and one warning per second with a count', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock });
  for (let time = 0; time < 3; time += 1) {
    const response = await awaitResponse(fixture.client().send(request('/')));
    expect(statusOf(response)).toBe(502);
    expect(JSON.stringify(response)).not.toContain(fixture.folder);
  }
  expect(fixture.warnings).toMatchObject([{ child: 'puma', count: 1 }]);
  await clock.advance(1000);
  expect(fixture.warnings).toMatchObject([{ count: 1 }, { count: 2 }]);
});

test('an upstream that was unreachable is tried again by the next request', async () => {
  const fixture = await startRouter();
  const client = fixture.client().send(request('/'));
  await awaitResponse(client);
  echoing(fixture.pumaSocket);
  client.send(request('/again'));
  expect((await awaitResponses(client, 2)).map(statusOf)).toEqual([502, 200]);
});

// HTTP/1.0 has no chunks: there, only a reset tells the client that the response is not complete.
test.each(['1.0', '1.1'])(
  'an upstream reset in a response without framing: an HTTP/%s client notices',
  async (version) => {
    const fixture = await startRouter();
    const puma = new FakeUpstream(fixture.pumaSocket);
    const client = fixture
      .client()
      .send(`POST / HTTP/${version}\r\nHost: social.example\r\nContent-Length: 1000000\r\n\r\na`);
    const server = await puma.awaitRequest();
    server.send('HTTP/1.1 200 OK\r\n\r\nhalf');
    await client.until('half');
    server.socket.pause();
    client.send('b'.repeat(100_000)); // unread data turns the close into a reset
    await eventually(() => expect(server.socket.readableLength).toBeGreaterThan(0));
    server.socket.destroy();
    await awaitBrokenResponse(client);
  },
);

test('a connection above the maximum is closed at once, with a warning', async () => {
  const fixture = await startRouter({ maxConnections: 2 });
  echoing(fixture.pumaSocket);
  const clients = [fixture.client().send(request('/a')), fixture.client().send(request('/b'))];
  for (const client of clients) await awaitResponse(client);
  const third = fixture.client();
  await third.closed();
  expect(fixture.warnings).toMatchObject([{ child: 'router' }]);
  clients[0]?.socket.destroy();
  await eventually(async () => {
    const next = fixture.client().send(request('/c'));
    await eventually(() => expect(next.received !== '' || next.isClosed).toBe(true));
    expect(next.received).toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

test('200 pipelined requests use one connection to puma', async () => {
  const fixture = await startRouter();
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('~'.repeat(10_000)));
  await awaitResponses(fixture.client().send(request('/').repeat(200)), 200);
  expect(puma.connections).toHaveLength(1);
});

test('a client that pipelines too many requests is disconnected', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  client.send(request('/').repeat(2000));
  await client.closed();
  await server.closed();
  expect(fixture.warnings).toMatchObject([{ child: 'router' }]);
});

test('an aborted response does not truncate the pipelined response before it', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client();
  client.socket.pause(); // the first response has left the router and is not read yet
  client.send(request('/first') + request('/second'));
  const server = await puma.awaitRequest();
  server.send(plainResponse('f'.repeat(200_000)));
  await server.until('/second');
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf').socket.end();
  await server.closed();
  client.socket.resume();
  await client.closed();
  expect(parseResponses(client.received)).toMatchObject([{ isComplete: true }, { isComplete: false }]);
});

test('a client disconnects: its pipelined requests are not forwarded', async () => {
  const fixture = await startRouter();
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const client = fixture.client().send(request('/a') + request('/b') + request(API));
  const server = await puma.awaitRequest();
  client.socket.destroy();
  await server.closed();
  await serveAnother(fixture, puma);
  expect([puma.requests.length, streaming.requests.length]).toEqual([2, 0]);
});

test('a response that is not read does not delay other clients', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const waiting = fixture.client();
  waiting.socket.pause();
  waiting.send(request('/large'));
  const server = await puma.awaitRequest();
  await new Producer(server.send(`HTTP/1.1 200 OK\r\nContent-Length: ${99 * MB}\r\n\r\n`).socket, 99 * MB).stalled();
  await serveAnother(fixture, puma);
  expect(waiting.isClosed).toBe(false);
});

test('a request pipelined behind a large response is not forwarded before its turn', async () => {
  const fixture = await startRouter();
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const client = fixture.client();
  client.socket.pause();
  client.send(request('/large') + request(`${API}/behind`));
  const server = await puma.awaitRequest();
  await new Producer(server.send(`HTTP/1.1 200 OK\r\nContent-Length: ${99 * MB}\r\n\r\n`).socket, 99 * MB).stalled();
  expect(streaming.connections).toEqual([]);
});

/** Serves a request of another client. Afterwards the router has handled everything sent to it before. */
async function serveAnother(fixture: RouterFixture, puma: FakeUpstream): Promise<void> {
  const other = fixture.client().send(request('/another'));
  const another = await eventually(() => {
    const found = puma.connections.find(({ received }) => received.includes('/another'));
    if (found === undefined) throw new Error('no request yet');
    return found;
  });
  await another.until('\r\n\r\n');
  another.send(plainResponse('another'));
  await other.until(/another$/);
}

async function serveOnce(client: RawConnection, puma: FakeUpstream): Promise<RawConnection> {
  client.send(request('/once'));
  const server = await puma.awaitRequest();
  server.send(plainResponse('once'));
  await awaitResponse(client);
  return server;
}
