import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, peakBuffered, Producer } from './streams.ts';
import { parseResponses, statusOf, headerOf } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { API, requestUpgrade, ACCEPTED, openWebSocket, UPGRADE_HEADERS } from './websocket-fixture.ts';
import { plainResponse, FakeUpstream } from './fake-upstream.ts';

/** After this response, the router has handled everything sent to it before. */
async function rejectAnother(fixture: RouterFixture): Promise<void> {
  expect(statusOf(await awaitResponse(fixture.client().send(request('/metrics', { headers: UPGRADE_HEADERS }))))).toBe(
    400,
  );
}

/** A WebSocket server behind a router. */
async function startServer(): Promise<{
  fixture: RouterFixture;
  server: WebSocketServer;
  requests: IncomingMessage[];
}> {
  const fixture = await startRouter();
  const http = createServer().listen(fixture.streamingSocket);
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  const requests: IncomingMessage[] = [];
  server.on('connection', (_, message) => requests.push(message));
  onTestFinished(async () => {
    for (const client of server.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { fixture, server, requests };
}

function clientOf(fixture: RouterFixture, path = API, protocols: string[] = []): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${fixture.port}${path}`, protocols, {
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  onTestFinished(() => client.terminate());
  return client;
}

/** Both ends of an open WebSocket. */
async function openPair(
  path = API,
  protocols: string[] = [],
): Promise<{ client: WebSocket; server: WebSocket; message: IncomingMessage | undefined; fixture: RouterFixture }> {
  const { fixture, server, requests } = await startServer();
  const connected = once(server, 'connection');
  const client = clientOf(fixture, path, protocols);
  await once(client, 'open');
  const [other] = (await connected) as [WebSocket];
  return { client, server: other, message: requests[0], fixture };
}

test('messages of all kinds and sizes pass both ways', async () => {
  const { client, server } = await openPair();
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    for (const message of ['', 'hello', 'ä'.repeat(70_000), randomBytes(10 * MB)]) {
      from.send(message);
      const [data, isBinary] = (await once(to, 'message')) as [Buffer, boolean];
      const same = isBinary ? Buffer.compare(data, message as Buffer) === 0 : data.toString() === message;
      expect(same).toBe(true);
    }
  }
});

test('messages sent both ways at once arrive complete and in order', async () => {
  const { client, server } = await openPair();
  const received: Record<'client' | 'server', string[]> = { client: [], server: [] };
  client.on('message', (data: RawData) => received.client.push((data as Buffer).toString()));
  server.on('message', (data: RawData) => received.server.push((data as Buffer).toString()));
  const numbers = Array.from({ length: 5000 }, (_, index) => `${index}`);
  for (const number of numbers) {
    client.send(number);
    server.send(number);
  }
  await eventually(() => expect([received.client.length, received.server.length]).toEqual([5000, 5000]));
  expect(received).toEqual({ client: numbers, server: numbers });
});

test('pings get pongs from the other end', async () => {
  const { client, server } = await openPair();
  for (const [from, data] of [
    [client, 'a'],
    [server, 'b'],
  ] as const) {
    from.ping(data);
    expect(String((await once(from, 'pong'))[0])).toBe(data);
  }
});

test.each([
  [1000, 'done'],
  [1001, ''],
  [4003, 'some reason'],
])('close code %i passes both ways', async (code, reason) => {
  for (const from of ['client', 'server'] as const) {
    const ends = await openPair();
    const all = Promise.all([once(ends.client, 'close'), once(ends.server, 'close')]);
    ends[from].close(code, reason);
    for (const [receivedCode, receivedReason] of (await all) as unknown as [number, Buffer][])
      expect([receivedCode, receivedReason.toString()]).toEqual([code, reason]);
  }
});

test('the subprotocol, the query and the forwarded headers reach the upstream', async () => {
  const { client, message } = await openPair(`${API}?stream=user&access_token=a%2Fb`, ['a-token_123']);
  expect(client.protocol).toBe('a-token_123');
  expect(message).toMatchObject({
    url: `${API}?stream=user&access_token=a%2Fb`,
    headers: {
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
      upgrade: 'websocket',
      connection: 'Upgrade',
    },
  });
});

test('extensions are negotiated between the two ends', async () => {
  const { message } = await openPair();
  expect(message?.headers['sec-websocket-extensions']).toContain('permessage-deflate');
});

test('bytes in one packet with the 101 reach the client', async () => {
  const { client, server } = await requestUpgrade();
  server.send(`${ACCEPTED}the first frame`);
  await client.until(/\r\n\r\nthe first frame$/);
  expect(parseResponses(client.received)).toMatchObject([
    { start: 'HTTP/1.1 101 Switching Protocols', body: 'the first frame' },
  ]);
});

test('bytes behind an upgrade request are forwarded after the 101', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(`${request(API, { headers: UPGRADE_HEADERS })}early`);
  const server = await streaming.awaitConnection();
  expect(await server.until('\r\n\r\n')).not.toContain('early');
  client.send(', and more');
  await rejectAnother(fixture);
  expect(server.received).not.toContain('early');
  server.send(ACCEPTED);
  await server.until(/\r\n\r\nearly, and more$/);
  await client.until('101');
});

test('the 101 passes unchanged', async () => {
  const { client, server } = await requestUpgrade();
  const headers = [
    'upgrade: WebSocket',
    'Connection: upgrade',
    'Sec-WebSocket-Accept: x',
    'sec-websocket-protocol: y',
    'X-A: z',
  ];
  server.send(`HTTP/1.1 101 Sure\r\n${headers.join('\r\n')}\r\n\r\n`);
  await client.until('\r\n\r\n');
  const [response] = parseResponses(client.received);
  expect(response?.start).toBe('HTTP/1.1 101 Sure');
  expect(response && headerOf(response, 'upgrade')?.toLowerCase()).toBe('websocket');
  expect(response && headerOf(response, 'connection')?.toLowerCase()).toBe('upgrade');
  expect(response?.headers).toEqual(
    expect.arrayContaining([
      ['Sec-WebSocket-Accept', 'x'],
      ['sec-websocket-protocol', 'y'],
      ['X-A', 'z'],
    ]),
  );
});

test.each([
  ['a length', 'Content-Length: 2\r\nX-A: b\r\n\r\nno'],
  ['chunks', 'Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n1\r\nn\r\n1\r\no\r\n0\r\n\r\n'],
  ['the end of the connection', 'X-A: b\r\n\r\nno'],
])('an upgrade rejected with a body framed by %s: the client gets it, and the connection closes', async (how, rest) => {
  const { client, server } = await requestUpgrade();
  server.send(`HTTP/1.1 401 Unauthorized\r\n${rest}`);
  if (how === 'the end of the connection') server.socket.end();
  const response = await awaitResponse(client);
  expect(response).toMatchObject({ start: 'HTTP/1.1 401 Unauthorized', body: 'no', isComplete: true });
  expect(response.headers).toContainEqual(['X-A', 'b']);
  expect(headerOf(response, 'connection')).toBe('close');
  client.send(request('/metrics'));
  await client.closed();
  await server.closed();
  expect(server.received).not.toContain('metrics');
});

test.each([
  ['closes', ''],
  ['sends bytes that are not HTTP', 'hello\r\n\r\n'],
  ['closes in the status line', 'HTTP/1.1 101 Swi'],
])('an upgrade whose upstream %s: 502', async (_, bytes) => {
  const { client, server, fixture } = await requestUpgrade();
  server.send(bytes).socket.end();
  expect(statusOf(await awaitResponse(client))).toBe(502);
  await client.closed();
  expect(fixture.warnings).toMatchObject([{ child: 'streaming' }]);
});

test('an upgrade to an unreachable upstream: 502', async () => {
  const fixture = await startRouter();
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  expect(statusOf(await awaitResponse(client))).toBe(502);
  await client.closed();
});

test.each(['client', 'server'] as const)('the %s closes: the other end closes at once', async (closing) => {
  for (const how of ['end', 'destroy', 'reset'] as const) {
    const ends = await openWebSocket();
    const other = ends[closing === 'client' ? 'server' : 'client'];
    if (how === 'reset' && closing === 'client') ends.client.reset();
    else if (how === 'end') ends[closing].socket.end();
    else ends[closing].socket.destroy();
    await other.closed();
    await eventually(() => expect(ends.fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }));
  }
});

test('the last bytes before a close are delivered', async () => {
  const { client, server } = await openWebSocket();
  const payload = 'x'.repeat(300_000);
  server.send(`${payload}bye`).socket.end();
  await client.until(/bye$/);
  expect(client.received).toContain(payload);
});

test('an end that does not read stops its sender, and the router buffers little', async () => {
  const { client, server } = await openWebSocket();
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    to.socket.pause();
    const producer = new Producer(from.socket, 99 * MB);
    expect(await peakBuffered(producer.stalled())).toBeLessThan(16);
    expect(producer.written).toBeLessThan(24 * MB);
  }
});

test('an end that has sent FIN can still receive', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket, (connection) => (connection.socket.allowHalfOpen = true));
  const client = fixture.client();
  client.socket.allowHalfOpen = true;
  client.send(request(API, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  server.send(ACCEPTED);
  await client.until('\r\n\r\n');
  client.socket.end('bye');
  await server.until('bye');
  await eventually(() => expect(server.hasEnded).toBe(true));
  server.send('goodbye').socket.end();
  await client.until('goodbye');
  await client.closed();
});

test('an upgrade that is queued is served once streaming is ready', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toEqual([{ type: 'demand-started', child: 'streaming' }]));
  const streaming = new FakeUpstream(fixture.streamingSocket, (connection) =>
    connection.socket.once('data', () => connection.send(ACCEPTED)),
  );
  fixture.started('streaming');
  fixture.ready('streaming');
  await client.until('101');
  expect(streaming.connections).toHaveLength(1);
  client.socket.destroy();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }));
});

test('an upgrade that is rejected from the queue gets 503 and Retry-After', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toHaveLength(1));
  fixture.tell({ type: 'start-denied', child: 'streaming', reason: 'memory is short' });
  const response = await awaitResponse(client);
  expect(statusOf(response)).toBe(503);
  expect(headerOf(response, 'retry-after')).not.toBeNull();
  await client.closed();
});

test('a client that disconnects while its upgrade is queued ends the demand', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toHaveLength(1));
  client.socket.destroy();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }), 5000);
  expect(clock.pendingTimers).toBe(0);
});

test('a client that disconnects before the response closes the upstream connection', async () => {
  const { client, server, fixture } = await requestUpgrade();
  client.socket.destroy();
  await server.closed();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }));
});

test('an upgrade rejected by the upstream ends the demand, even if its client stays connected', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  new FakeUpstream(fixture.streamingSocket, (connection) =>
    connection.socket.once('data', () => connection.send(plainResponse('no', '401 Unauthorized'))),
  );
  const client = fixture.client({ allowHalfOpen: true });
  client.send(request(API, { headers: UPGRADE_HEADERS }));
  expect(statusOf(await awaitResponse(client))).toBe(401);
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }), 5000);
});

test('a client that stays connected after a rejected upgrade is disconnected', async () => {
  const fixture = await startRouter();
  const client = fixture.client({ allowHalfOpen: true });
  client.send(request('/metrics', { headers: UPGRADE_HEADERS }));
  await client.until('400');
  await eventually(() => {
    if (client.socket.writable) client.send('more ');
    expect(client.isClosed).toBe(true);
  });
});

test('what a client sends behind an upgrade is read and dropped once that is rejected', async () => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client({ allowHalfOpen: true }).send(request(API, { headers: UPGRADE_HEADERS }));
  const server = await streaming.awaitRequest();
  const producer = new Producer(client.socket, 30 * MB);
  await producer.stalled();
  server.send(plainResponse('no', '401 Unauthorized'));
  await producer.done;
  expect(statusOf(await awaitResponse(client))).toBe(401);
});

test('an upgrade pipelined behind a request in progress does not overtake it', async () => {
  const fixture = await startRouter();
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const client = fixture.client().send(request('/slow') + request(API, { headers: UPGRADE_HEADERS }));
  const slow = await puma.awaitConnection();
  await slow.until('\r\n\r\n');
  const upgraded = streaming
    .awaitConnection()
    .then((connection) => connection.until('\r\n\r\n').then(() => connection.send(`${ACCEPTED}frame`)));
  upgraded.catch(() => undefined);
  for (let count = 0; count < 3; count += 1) await rejectAnother(fixture); // it could overtake now
  if (!slow.isClosed) slow.send(plainResponse('slow'));
  await eventually(() => expect(client.received !== '' || client.isClosed).toBe(true));
  // The first response belongs to the first request, or there is none.
  expect(client.received).toMatch(/^($|HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nslow)/);
});
