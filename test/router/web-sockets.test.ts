import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, mostBuffered, Producer } from './flow.ts';
import { readReplies, statusOf, valueOf } from './messages.ts';
import { replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { API, asking, SWITCHED, switched, UPGRADE } from './switching.ts';
import { plain, Upstream } from './upstream.ts';
import { wireTo } from './wire.ts';

/** When the router has answered that, it has read what others sent before. */
async function anotherReply(rig: Rig): Promise<void> {
  expect(statusOf(await replyOn(rig.client().send(request('/metrics', { headers: UPGRADE }))))).toBe(400);
}

/** A server of WebSockets behind a router. */
async function startServer(): Promise<{ rig: Rig; server: WebSocketServer; asked: IncomingMessage[] }> {
  const rig = await startRouter();
  const http = createServer().listen(rig.streamingSocket);
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  const asked: IncomingMessage[] = [];
  server.on('connection', (_, one) => asked.push(one));
  onTestFinished(async () => {
    for (const client of server.clients) client.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { rig, server, asked };
}

function clientOf(rig: Rig, path = API, protocols: string[] = []): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${rig.port}${path}`, protocols, {
    headers: { 'X-Forwarded-Proto': 'https' },
  });
  onTestFinished(() => client.terminate());
  return client;
}

/** Both ends of one, open. */
async function pair(
  path = API,
  protocols: string[] = [],
): Promise<{ client: WebSocket; server: WebSocket; asked: IncomingMessage | undefined; rig: Rig }> {
  const { rig, server, asked } = await startServer();
  const connected = once(server, 'connection');
  const client = clientOf(rig, path, protocols);
  await once(client, 'open');
  const [other] = (await connected) as [WebSocket];
  return { client, server: other, asked: asked[0], rig };
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
  const { client, server } = await asking();
  server.send(`${SWITCHED}the first frame`);
  await client.until(/\r\n\r\nthe first frame$/);
  expect(readReplies(client.received)).toMatchObject([
    { start: 'HTTP/1.1 101 Switching Protocols', body: 'the first frame' },
  ]);
});

test('what a client sends in one packet with its upgrade waits for the 101, and comes through', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(`${request(API, { headers: UPGRADE })}early`);
  const server = await streaming.wire();
  expect(await server.until('\r\n\r\n')).not.toContain('early');
  client.send(', and more');
  await anotherReply(rig);
  expect(server.received).not.toContain('early');
  server.send(SWITCHED);
  await server.until(/\r\n\r\nearly, and more$/);
  await client.until('101');
});

test('the 101 comes through as it is', async () => {
  const { client, server } = await asking();
  const headers = [
    'upgrade: WebSocket',
    'Connection: upgrade',
    'Sec-WebSocket-Accept: x',
    'sec-websocket-protocol: y',
    'X-A: z',
  ];
  server.send(`HTTP/1.1 101 Sure\r\n${headers.join('\r\n')}\r\n\r\n`);
  await client.until('\r\n\r\n');
  const [reply] = readReplies(client.received);
  expect(reply?.start).toBe('HTTP/1.1 101 Sure');
  expect(reply && valueOf(reply, 'upgrade')?.toLowerCase()).toBe('websocket');
  expect(reply && valueOf(reply, 'connection')?.toLowerCase()).toBe('upgrade');
  expect(reply?.headers).toEqual(
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
    const { client, server } = await asking();
    server.send(`HTTP/1.1 401 Unauthorized\r\n${rest}`);
    if (how === 'the end of the connection') server.socket.end();
    const reply = await replyOn(client);
    expect(reply).toMatchObject({ start: 'HTTP/1.1 401 Unauthorized', body: 'no', isComplete: true });
    expect(reply.headers).toContainEqual(['X-A', 'b']);
    expect(valueOf(reply, 'connection')).toBe('close');
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
  const { client, server, rig } = await asking();
  server.send(said).socket.end();
  expect(statusOf(await replyOn(client))).toBe(502);
  await client.closed();
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'streaming' }]);
});

test('an upstream that is not there: 502', async () => {
  const rig = await startRouter();
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  expect(statusOf(await replyOn(client))).toBe(502);
  await client.closed();
});

test.each(['client', 'server'] as const)('the %s is gone: so is the other end, at once', async (who) => {
  for (const how of ['end', 'destroy', 'reset'] as const) {
    const both = await switched();
    const other = both[who === 'client' ? 'server' : 'client'];
    if (how === 'reset' && who === 'client') both.client.reset();
    else if (how === 'end') both[who].socket.end();
    else both[who].socket.destroy();
    await other.closed();
    await eventually(() => expect(both.rig.demands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
  }
});

test('the last words of one that is gone are heard', async () => {
  const { client, server } = await switched();
  const words = 'x'.repeat(300_000);
  server.send(`${words}bye`).socket.end();
  await client.until(/bye$/);
  expect(client.received).toContain(words);
});

test('one that reads nothing more stops who sends to it, both ways, and nothing of it is kept by us', async () => {
  const { client, server } = await switched();
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    to.socket.pause();
    const producer = new Producer(from.socket, 99 * MB);
    expect(await mostBuffered(producer.stalled())).toBeLessThan(16);
    expect(producer.given).toBeLessThan(24 * MB);
  }
});

test('an end that says no more can still listen', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket, (wire) => (wire.socket.allowHalfOpen = true));
  const client = rig.client();
  client.socket.allowHalfOpen = true;
  client.send(request(API, { headers: UPGRADE }));
  const server = await streaming.asked();
  server.send(SWITCHED);
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
  const rig = await startRouter({ clock, streaming: 'on-demand', up: ['puma'] });
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  await eventually(() => expect(rig.demands).toEqual([{ type: 'wanted', child: 'streaming', shortage: null }]));
  const streaming = new Upstream(rig.streamingSocket, (wire) => wire.socket.once('data', () => wire.send(SWITCHED)));
  rig.started('streaming');
  rig.ready('streaming');
  await client.until('101');
  expect(streaming.wires).toHaveLength(1);
  client.socket.destroy();
  await eventually(() => expect(rig.demands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
});

test('one that waits in vain gets 503 and Retry-After', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock, streaming: 'on-demand', up: ['puma'] });
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  await eventually(() => expect(rig.demands).toHaveLength(1));
  rig.router.hear({ fact: 'not-woken', child: 'streaming', why: 'memory is short' });
  const reply = await replyOn(client);
  expect(statusOf(reply)).toBe(503);
  expect(valueOf(reply, 'retry-after')).not.toBeNull();
  await client.closed();
});

test('one that leaves while it waits is wanted no more', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock, streaming: 'on-demand', up: ['puma'] });
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  await eventually(() => expect(rig.demands).toHaveLength(1));
  client.socket.destroy();
  await eventually(() => expect(rig.demands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }), 5000);
  expect(clock.left).toBe(0);
});

test('one that leaves before it was answered: the upstream gets to know', async () => {
  const { client, server, rig } = await asking();
  client.socket.destroy();
  await server.closed();
  await eventually(() => expect(rig.demands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }));
});

test('one that was refused counts no more, even if it never hangs up', async () => {
  const rig = await startRouter({ streaming: 'on-demand' });
  new Upstream(rig.streamingSocket, (wire) =>
    wire.socket.once('data', () => wire.send(plain('no', '401 Unauthorized'))),
  );
  const client = wireTo({ host: '127.0.0.1', port: rig.port, allowHalfOpen: true });
  client.send(request(API, { headers: UPGRADE }));
  expect(statusOf(await replyOn(client))).toBe(401);
  await eventually(() => expect(rig.demands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }), 5000);
});

test('one whose upgrade was refused and who never hangs up is hung up on', async () => {
  const rig = await startRouter();
  const client = wireTo({ host: '127.0.0.1', port: rig.port, allowHalfOpen: true });
  client.send(request('/metrics', { headers: UPGRADE }));
  await client.until('400');
  await eventually(() => {
    if (client.socket.writable) client.send('more ');
    expect(client.isClosed).toBe(true);
  });
});

test('one behind a request that is not answered yet does not overtake it', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const client = rig.client().send(request('/slow') + request(API, { headers: UPGRADE }));
  const slow = await puma.wire();
  await slow.until('\r\n\r\n');
  const upgraded = streaming.wire().then((wire) => wire.until('\r\n\r\n').then(() => wire.send(`${SWITCHED}frame`)));
  upgraded.catch(() => undefined);
  for (let count = 0; count < 3; count += 1) await anotherReply(rig); // time to overtake
  if (!slow.isClosed) slow.send(plain('slow'));
  await eventually(() => expect(client.received !== '' || client.isClosed).toBe(true));
  // The first reply is that of the first request, or there is none.
  expect(client.received).toMatch(/^($|HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nslow)/);
});
