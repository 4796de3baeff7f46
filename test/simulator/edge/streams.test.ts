import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { openStreamingClient, StreamingClients } from '../../../src/simulator/edge/streaming-clients.ts';
import { eventually } from '../../harness/eventually.ts';
import { freePort } from '../free-port.ts';
import { httpDyno, openEdgeFixture, rawDyno, type EdgeFixture } from './edge-fixture.ts';

/** A dyno whose WebSockets send back what they get. */
async function echo(): Promise<{ dyno: Awaited<ReturnType<typeof httpDyno>>; sockets: WebSocketServer }> {
  const dyno = await httpDyno((_, response) => void response.writeHead(404).end());
  const sockets = new WebSocketServer({ server: dyno.server });
  onTestFinished(() => sockets.close());
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { dyno, sockets };
}

function counts({ edge }: EdgeFixture): [number, number] {
  return [edge.openRequests, edge.openStreams];
}

test('a WebSocket passes whole, both ways, and counts as a stream', async () => {
  const { dyno } = await echo();
  const fixture = await openEdgeFixture(dyno.target);
  const socket = new WebSocket(`${fixture.edge.url.replace('http', 'ws')}/api/v1/streaming?stream=user`);
  onTestFinished(() => socket.terminate());
  const received: Buffer[] = [];
  socket.on('message', (data: Buffer) => received.push(data));
  await new Promise((resolve) => socket.once('open', resolve));
  expect(counts(fixture)).toEqual([0, 1]);
  const large = Buffer.alloc(3_000_000, 'abc');
  socket.send('hello');
  socket.send(large);
  await eventually(() => expect(received.length).toBe(2));
  expect([received[0]?.toString(), received[1]?.equals(large)]).toEqual(['hello', true]);
  expect(fixture.lines).toEqual([]);
  socket.close();
  expect(await fixture.line()).toMatch(
    /^at=info method=GET path="\/api\/v1\/streaming\?stream=user" .* dyno=web\.1 .* status=101 bytes=30\d{5} /,
  );
  expect(counts(fixture)).toEqual([0, 0]);
});

test('bytes right behind the head of an upgrade are not lost, on either side', async () => {
  const dyno = await rawDyno((socket) =>
    socket.once('data', (head: Buffer) => {
      expect(head.toString()).toMatch(/Connection: Upgrade\r\nUpgrade: tests\r\n/);
      const rest = head.toString().split('\r\n\r\n')[1] ?? '';
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tests\r\n\r\nearly ');
      if (rest !== '') socket.write(rest);
      socket.pipe(socket);
    }),
  );
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture
    .client()
    .send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tests\r\n\r\nbird ');
  await client.until('bird ');
  client.send('late');
  expect(await client.until('late')).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\nVia: [^]*\r\n\r\nearly bird late$/,
  );
});

test('a WebSocket ends when its dyno goes, without an error of the platform', async () => {
  const { dyno, sockets } = await echo();
  const fixture = await openEdgeFixture(dyno.target);
  const client = await openStreamingClient(fixture.edge.url);
  for (const socket of sockets.clients) socket.terminate();
  expect(await client.closed).toBe('the connection was lost');
  expect(await fixture.line()).toMatch(/^at=info .* status=101 /);
  expect(fixture.events).toEqual([]);
});

test('H15: a WebSocket that is silent for too long', async () => {
  const { dyno } = await echo();
  const fixture = await openEdgeFixture(dyno.target, { nextByteMs: 40 });
  const client = await openStreamingClient(fixture.edge.url);
  expect(await client.closed).toBe('the connection was lost');
  expect(await fixture.line()).toMatch(/^at=error code=H15 /);
});

test('an event stream passes as it comes, counts as a stream, and ends when its reader leaves', async () => {
  const dyno = await httpDyno((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(':)\n');
  });
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture.client().send('GET /api/v1/streaming/user HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until(':)');
  expect(counts(fixture)).toEqual([0, 1]);
  client.socket.destroy();
  expect(await fixture.line()).toMatch(/^at=info .* status=200 bytes=3 /);
  expect(counts(fixture)).toEqual([0, 0]);
  await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
});

test('an upgrade that the dyno refuses is answered as it says, and the connection ends', async () => {
  const { dyno } = await echo();
  dyno.server.removeAllListeners('upgrade');
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture
    .client()
    .send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(await fixture.line()).toMatch(/^at=info .* status=404 /);
});

test('an upgrade is held while a dyno boots', async () => {
  const { dyno } = await echo();
  const fixture = await openEdgeFixture({ kind: 'booting' });
  const opening = openStreamingClient(fixture.edge.url);
  await eventually(() => expect(counts(fixture)).toEqual([1, 0]));
  fixture.setTarget(dyno.target);
  (await opening).close();
  expect(await fixture.line()).toMatch(/^at=info .* status=101 /);
});

test('an upgrade with a body is refused', async () => {
  const { dyno } = await echo();
  const fixture = await openEdgeFixture(dyno.target);
  const client = fixture
    .client()
    .send('POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: a\r\nContent-Length: 4\r\n\r\nbody');
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 /);
});

test('the streaming client counts its messages and says who closed', async () => {
  const { dyno, sockets } = await echo();
  const fixture = await openEdgeFixture(dyno.target);
  const [first, second] = [
    await openStreamingClient(fixture.edge.url),
    await openStreamingClient(fixture.edge.url, '/other'),
  ];
  for (const socket of sockets.clients) for (const text of ['a', 'b']) socket.send(text);
  await eventually(() => expect([first.messages, second.messages]).toEqual([2, 2]));
  expect(fixture.edge.openStreams).toBe(2);
  first.close();
  expect(await first.closed).toBe('closed by the client');
  for (const socket of sockets.clients) socket.close(1001);
  expect(await second.closed).toBe('closed by the streaming server with code 1001');
});

test.each([
  [404, '404: streaming is not running; set RUN_STREAMING=on-demand'],
  [200, '200: streaming is not running; set RUN_STREAMING=on-demand'],
  [401, '401: the streaming server needs an access token'],
  [500, '500: not a WebSocket response'],
  [503, '503: streaming is unavailable; see its log'],
])('the streaming client says what a %i means', async (status, text) => {
  const dyno = await httpDyno((_, response) => void response.writeHead(status).end());
  dyno.server.on('upgrade', (_, socket) => socket.end(`HTTP/1.1 ${status} So\r\nContent-Length: 0\r\n\r\n`));
  const fixture = await openEdgeFixture(dyno.target);
  await expect(openStreamingClient(fixture.edge.url)).rejects.toThrow(new Error(text));
});

test('the streaming client says when there is no dyno, or no edge', async () => {
  const fixture = await openEdgeFixture({ kind: 'none', code: 'H10' });
  await expect(openStreamingClient(fixture.edge.url)).rejects.toThrow('503 H10: no web dyno accepted it');
  const url = `http://127.0.0.1:${await freePort()}`;
  await expect(openStreamingClient(url)).rejects.toThrow(`nothing listens at ${url}`);
});

test('when one streaming client of the user closes, the others stay open and counted', async () => {
  const { dyno } = await echo();
  const fixture = await openEdgeFixture(dyno.target);
  const clients = new StreamingClients(() => {});
  onTestFinished(() => clients.close());
  for (const count of [1, 2, 3]) {
    expect(await clients.open(fixture.edge.url)).toEqual({ ok: true, text: `streaming clients: ${count}` });
  }
  clients.closeOne();
  await eventually(() => expect(counts(fixture)).toEqual([0, 2]));
  expect(clients.size).toBe(2);
  clients.close();
  await eventually(() => expect(counts(fixture)).toEqual([0, 0]));
});
