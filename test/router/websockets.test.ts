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
import { rawClient } from './raw-client.ts';

/** When the router has answered that, it has read what others sent before. */
async function anotherReply(fixture: RouterFixture): Promise<void> {
  expect(statusOf(await awaitResponse(fixture.client().send(request('/metrics', { headers: UPGRADE_HEADERS }))))).toBe(
    400,
  );
}

/** A server of WebSockets behind a router. */
async function startServer(): Promise<{ fixture: RouterFixture; server: WebSocketServer; asked: IncomingMessage[] }> {
  const fixture = await startRouter();
  const http = createServer().listen(fixture.streamingSocket);
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  const asked: IncomingMessage[] = [];
  server.on('connection', (_, one) => asked.push(one));
  onTestFinished(async () => {
    for (const client of server.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { fixture, server, asked };
}

function clientOf(fixture: RouterFixture, path = API, protocols: string[] = []): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${fixture.port}${path}`, protocols, {
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  onTestFinished(() => client.terminate());
  return client;
}

/** Both ends of one, open. */
async function pair(
  path = API,
  protocols: string[] = [],
): Promise<{ client: WebSocket; server: WebSocket; asked: IncomingMessage | undefined; fixture: RouterFixture }> {
  const { fixture, server, asked } = await startServer();
  const connected = once(server, 'connection');
  const client = clientOf(fixture, path, protocols);
  await once(client, 'open');
  const [other] = (await connected) as [WebSocket];
  return { client, server: other, asked: asked[0], fixture };
}

test('messages go both ways, text and bytes, small and large', async () => {
  const { client, server } = await pair();
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

test('nothing is lost and nothing overtakes, whoever sends how fast', async () => {
  const { client, server } = await pair();
  const heard: Record<'client' | 'server', string[]> = { client: [], server: [] };
  client.on('message', (data: RawData) => heard.client.push((data as Buffer).toString()));
  server.on('message', (data: RawData) => heard.server.push((data as Buffer).toString()));
  const numbers = Array.from({ length: 5000 }, (_, index) => `${index}`);
  for (const number of numbers) {
    client.send(number);
    server.send(number);
  }
  await eventually(() => expect([heard.client.length, heard.server.length]).toEqual([5000, 5000]));
  expect(heard).toEqual({ client: numbers, server: numbers });
});

test('pings are answered by the other end', async () => {
  const { client, server } = await pair();
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
  [4003, 'a reason of its own'],
])('the close code %i comes through, both ways', async (code, reason) => {
  for (const from of ['client', 'server'] as const) {
    const ends = await pair();
    const all = Promise.all([once(ends.client, 'close'), once(ends.server, 'close')]);
    ends[from].close(code, reason);
    for (const [seen, why] of (await all) as unknown as [number, Buffer][])
      expect([seen, why.toString()]).toEqual([code, reason]);
  }
});

test('the token in Sec-WebSocket-Protocol, the query and the forwarded headers come through', async () => {
  const { client, asked } = await pair(`${API}?stream=user&access_token=a%2Fb`, ['a-token_123']);
  expect(client.protocol).toBe('a-token_123');
  expect(asked).toMatchObject({
    url: `${API}?stream=user&access_token=a%2Fb`,
    headers: {
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
      upgrade: 'websocket',
      connection: 'Upgrade',
    },
  });
});

test('extensions are between the two ends', async () => {
  const { asked } = await pair();
  expect(asked?.headers['sec-websocket-extensions']).toContain('permessage-deflate');
});

test('what is sent in one packet with the 101 comes through', async () => {
  const { client, server } = await requestUpgrade();
  server.send(`${ACCEPTED}the first frame`);
  await client.until(/\r\n\r\nthe first frame$/);
  expect(parseResponses(client.received)).toMatchObject([
    { start: 'HTTP/1.1 101 Switching Protocols', body: 'the first frame' },
  ]);
});

test('what a client sends in one packet with its upgrade waits for the 101, and comes through', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(`${request(API, { headers: UPGRADE_HEADERS })}early`);
  const server = await streaming.awaitConnection();
  expect(await server.until('\r\n\r\n')).not.toContain('early');
  client.send(', and more');
  await anotherReply(fixture);
  expect(server.received).not.toContain('early');
  server.send(ACCEPTED);
  await server.until(/\r\n\r\nearly, and more$/);
  await client.until('101');
});

test('the 101 comes through as it is', async () => {
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
])(
  'an upgrade that is refused with a body by %s: the client hears it, and the connection is over',
  async (how, rest) => {
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
  },
);

test.each([
  ['closes', ''],
  ['says no HTTP', 'hello\r\n\r\n'],
  ['breaks off', 'HTTP/1.1 101 Swi'],
])('an upstream that %s instead of an answer: 502', async (_, said) => {
  const { client, server, fixture } = await requestUpgrade();
  server.send(said).socket.end();
  expect(statusOf(await awaitResponse(client))).toBe(502);
  await client.closed();
  expect(fixture.warnings).toMatchObject([{ child: 'streaming' }]);
});

test('an upstream that is not there: 502', async () => {
  const fixture = await startRouter();
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  expect(statusOf(await awaitResponse(client))).toBe(502);
  await client.closed();
});

test.each(['client', 'server'] as const)('the %s is gone: so is the other end, at once', async (who) => {
  for (const how of ['end', 'destroy', 'reset'] as const) {
    const both = await openWebSocket();
    const other = both[who === 'client' ? 'server' : 'client'];
    if (how === 'reset' && who === 'client') both.client.reset();
    else if (how === 'end') both[who].socket.end();
    else both[who].socket.destroy();
    await other.closed();
    await eventually(() => expect(both.fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
  }
});

test('the last words of one that is gone are heard', async () => {
  const { client, server } = await openWebSocket();
  const words = 'x'.repeat(300_000);
  server.send(`${words}bye`).socket.end();
  await client.until(/bye$/);
  expect(client.received).toContain(words);
});

test('one that reads nothing more stops who sends to it, both ways, and nothing of it is kept by us', async () => {
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

test('an end that says no more can still listen', async () => {
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
  server.send('and so long').socket.end();
  await client.until('and so long');
  await client.closed();
});

test('one that waits for streaming to start is let in when it is up', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toEqual([{ type: 'wanted', child: 'streaming', shortage: null }]));
  const streaming = new FakeUpstream(fixture.streamingSocket, (connection) =>
    connection.socket.once('data', () => connection.send(ACCEPTED)),
  );
  fixture.started('streaming');
  fixture.ready('streaming');
  await client.until('101');
  expect(streaming.connections).toHaveLength(1);
  client.socket.destroy();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
});

test('one that waits in vain gets 503 and Retry-After', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toHaveLength(1));
  fixture.router.onEvent({ fact: 'not-woken', child: 'streaming', why: 'memory is short' });
  const response = await awaitResponse(client);
  expect(statusOf(response)).toBe(503);
  expect(headerOf(response, 'retry-after')).not.toBeNull();
  await client.closed();
});

test('one that leaves while it waits is wanted no more', async () => {
  const clock = new FakeClock();
  const fixture = await startRouter({ clock, streaming: 'on-demand', ready: ['puma'] });
  const client = fixture.client().send(request(API, { headers: UPGRADE_HEADERS }));
  await eventually(() => expect(fixture.commands).toHaveLength(1));
  client.socket.destroy();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }), 5000);
  expect(clock.left).toBe(0);
});

test('one that leaves before it was answered: the upstream gets to know', async () => {
  const { client, server, fixture } = await requestUpgrade();
  client.socket.destroy();
  await server.closed();
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
});

test('one that was refused counts no more, even if it never hangs up', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  new FakeUpstream(fixture.streamingSocket, (connection) =>
    connection.socket.once('data', () => connection.send(plainResponse('no', '401 Unauthorized'))),
  );
  const client = rawClient({ host: '127.0.0.1', port: fixture.port, allowHalfOpen: true });
  client.send(request(API, { headers: UPGRADE_HEADERS }));
  expect(statusOf(await awaitResponse(client))).toBe(401);
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }), 5000);
});

test('one whose upgrade was refused and who never hangs up is hung up on', async () => {
  const fixture = await startRouter();
  const client = rawClient({ host: '127.0.0.1', port: fixture.port, allowHalfOpen: true });
  client.send(request('/metrics', { headers: UPGRADE_HEADERS }));
  await client.until('400');
  await eventually(() => {
    if (client.socket.writable) client.send('more ');
    expect(client.isClosed).toBe(true);
  });
});

test('one behind a request that is not answered yet does not overtake it', async () => {
  const fixture = await startRouter();
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const client = fixture.client().send(request('/slow') + request(API, { headers: UPGRADE_HEADERS }));
  const slow = await puma.awaitConnection();
  await slow.until('\r\n\r\n');
  const upgraded = streaming
    .awaitConnection()
    .then((connection) => connection.until('\r\n\r\n').then(() => connection.send(`${ACCEPTED}frame`)));
  upgraded.catch(() => undefined);
  for (let count = 0; count < 3; count += 1) await anotherReply(fixture); // time to overtake
  if (!slow.isClosed) slow.send(plainResponse('slow'));
  await eventually(() => expect(client.received !== '' || client.isClosed).toBe(true));
  // The first response is that of the first request, or there is none.
  expect(client.received).toMatch(/^($|HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nslow)/);
});
