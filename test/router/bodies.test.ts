import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf } from './messages.ts';
import { digest, digestOf, MB, peakBuffered, Producer } from './streams.ts';
import { awaitBrokenResponse, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { httpUpstream, awaitRequests, FakeUpstream } from './fake-upstream.ts';

/** The maximum size of a video in Mastodon. */
const UPLOAD = 99 * MB;
/** What sockets and streams on both sides may hold while the receiver does not read. Kernel buffers grow to some MB each. */
const MAX_IN_FLIGHT = 24 * MB;
/** What router, client and upstream, all in this process, may buffer. */
const MAX_BUFFERED_MB = 16;

test.each(['Content-Length', 'chunks'])('an upload of 99 MB with %s needs constant memory', async (framing) => {
  const fixture = await startRouter();
  await httpUpstream(
    fixture.pumaSocket,
    (incoming, response) => void digest(incoming).then((received) => response.end(JSON.stringify(received))),
  );
  const headers = framing === 'chunks' ? {} : { 'Content-Length': UPLOAD };
  const { outgoing, incoming } = openRequest(fixture, headers);
  const producer = new Producer(outgoing, UPLOAD);
  const most = await peakBuffered(producer.done);
  outgoing.end();
  expect(JSON.parse(await textOf(await incoming))).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  expect(most).toBeLessThan(MAX_BUFFERED_MB);
});

test('an upload waits while its upstream does not read', async () => {
  const fixture = await startRouter();
  let read = (): void => undefined;
  await httpUpstream(fixture.pumaSocket, (incoming, response) => {
    read = () => void digest(incoming).then((received) => response.end(JSON.stringify(received)));
  });
  const { outgoing, incoming } = openRequest(fixture, { 'Content-Length': UPLOAD });
  const producer = new Producer(outgoing, UPLOAD);
  expect(await producer.stalled()).toBeLessThan(MAX_IN_FLIGHT);
  read();
  await producer.done;
  outgoing.end();
  expect(JSON.parse(await textOf(await incoming))).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
});

test.each(['Content-Length', 'chunks', 'the end of the connection'])(
  'a download of 99 MB with %s waits for its client in constant memory',
  async (framing) => {
    const fixture = await startRouter();
    let producer: Producer | undefined;
    await httpUpstream(fixture.pumaSocket, (_, response) => {
      if (framing === 'Content-Length') response.setHeader('Content-Length', UPLOAD);
      if (framing === 'the end of the connection') response.removeHeader('Transfer-Encoding');
      producer = new Producer(response, UPLOAD);
      void producer.done.then(() => response.end());
    });
    const { outgoing, incoming } = openRequest(fixture, {}, 'GET');
    outgoing.end();
    const response = await incoming;
    const most = await peakBuffered(Promise.resolve(producer?.stalled()));
    expect(producer?.written).toBeLessThan(MAX_IN_FLIGHT);
    expect(most).toBeLessThan(MAX_BUFFERED_MB);
    expect(await digest(response)).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  },
);

test('100 000 small chunks in one packet are forwarded', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/many'));
  const server = await puma.awaitRequest();
  const chunks = '1\r\n~\r\n'.repeat(100_000);
  server.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  await client.until('~\r\n0\r\n\r\n');
  expect(client.received.split('~').length - 1).toBe(100_000);
});

test('each event of a stream arrives before the next one is sent', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request('/api/v1/streaming/public'));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const event of [':)\n', ':thump\n', 'event: update\n', 'data: {}\n\n']) {
    server.send(`${event.length.toString(16)}\r\n${event}\r\n`);
    await client.until(event);
  }
});

test('a response head is forwarded before its body arrives', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request('/api/v1/streaming/public'));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  await client.until('\r\n\r\n');
});

test('each piece of an upload arrives before the next one is sent', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/upload', { method: 'POST', headers: ['Transfer-Encoding: chunked'] }));
  const server = await puma.awaitConnection();
  for (const piece of ['one', 'two', 'three']) {
    client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await server.until(piece);
  }
  client.send('0\r\n\r\n');
  expect(await awaitRequests(puma, 1)).toMatchObject([{ body: 'onetwothree', isComplete: true }]);
});

test('trailers are forwarded both ways', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const headers = ['Transfer-Encoding: chunked', 'Trailer: A-Checksum'];
  const client = fixture
    .client()
    .send(request('/', { method: 'POST', headers, body: '1\r\nx\r\n0\r\nA-Checksum: 7\r\n\r\n' }));
  const [forwarded] = await awaitRequests(puma, 1);
  expect(forwarded).toMatchObject({ body: 'x', trailers: [['A-Checksum', '7']] });
  expect(forwarded?.headers).toContainEqual(['Trailer', 'A-Checksum']);
  (await puma.awaitConnection()).send(
    'HTTP/1.1 200 OK\r\nTrailer: B-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\nB-Sum: 8\r\n\r\n',
  );
  const response = await awaitResponse(client);
  expect(response).toMatchObject({ body: 'y', trailers: [['B-Sum', '8']] });
  expect(response.headers).toContainEqual(['Trailer', 'B-Sum']);
});

test.each([
  ['Content-Length', 'Content-Length: 100\r\n\r\nhalf'],
  ['chunks, in a chunk', 'Transfer-Encoding: chunked\r\n\r\nff\r\nhalf'],
  ['chunks, after a chunk', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['chunks, before the final line', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n'],
  ['chunks, in a trailer', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nA: b\r\n'],
])('a truncated response with %s breaks the client connection', async (_, beginning) => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send(`HTTP/1.1 200 OK\r\n${beginning}`);
  await client.until('half');
  server.socket.end();
  expect((await awaitBrokenResponse(client)).body).toBe('half');
});

test('a response with an invalid chunk breaks the client connection', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  await client.until('half');
  server.send('zz\r\n');
  await awaitBrokenResponse(client);
  await server.closed();
});

test('an upload that is rejected early: the client gets the response', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const { outgoing, incoming } = openRequest(fixture, { 'Content-Length': UPLOAD });
  outgoing.on('error', () => undefined);
  const producer = new Producer(outgoing, UPLOAD);
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  const response = await incoming;
  expect(response).toMatchObject({ statusCode: 413, headers: { connection: 'close' } });
  expect(await textOf(response)).toBe('big');
  outgoing.destroy();
  await producer.done;
  await eventually(() => expect(puma.openConnections).toBe(0));
});

test('an upload that is rejected after its upstream has stopped reading: the rest is read, so that no reset overtakes the response', async () => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const puma = new FakeUpstream(fixture.pumaSocket, ({ socket }) => void socket.pause());
  const client = fixture.client({ allowHalfOpen: true });
  client.send(request('/', { method: 'POST', headers: [`Content-Length: ${UPLOAD}`] }));
  const producer = new Producer(client.socket, UPLOAD);
  await producer.stalled();
  puma.connections[0]?.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  await producer.done;
  expect(statusOf(await awaitResponse(client))).toBe(413);
});

/** A request whose body is still to be sent. */
function openRequest(fixture: RouterFixture, headers: Record<string, string | number>, method = 'POST'): OpenRequest {
  const outgoing = httpRequest({ host: '127.0.0.1', port: fixture.port, method, headers, agent: false });
  const incoming = new Promise<IncomingMessage>((resolve, reject) =>
    outgoing.once('response', resolve).once('error', reject),
  );
  incoming.catch(() => undefined);
  outgoing.flushHeaders();
  return { outgoing, incoming };
}
type OpenRequest = { outgoing: ReturnType<typeof httpRequest>; incoming: Promise<IncomingMessage> };

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) text += piece;
  return text;
}
