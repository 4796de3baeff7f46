import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { digest, digestOf, MB, peakBuffered, Producer } from './streams.ts';
import { awaitBrokenResponse, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { httpUpstream, awaitRequests, FakeUpstream } from './fake-upstream.ts';

/** What Mastodon lets a video weigh. */
const UPLOAD = 99 * MB;
/** What sockets and streams of both sides may hold when nobody reads: kernel buffers grow to some MB each. */
const ON_THE_WAY = 24 * MB;
/** What the router, the client and the upstream, one process here, may hold of it in buffers of their own. */
const HELD_MB = 16;

test.each(['Content-Length', 'chunks'])('an upload of 99 MB with %s, in constant memory', async (framing) => {
  const fixture = await startRouter();
  await httpUpstream(
    fixture.pumaSocket,
    (asked, response) => void digest(asked).then((got) => response.end(JSON.stringify(got))),
  );
  const headers = framing === 'chunks' ? {} : { 'Content-Length': UPLOAD };
  const { asked, answered } = ask(fixture, headers);
  const producer = new Producer(asked, UPLOAD);
  const most = await peakBuffered(producer.done);
  asked.end();
  expect(JSON.parse(await textOf(await answered))).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  expect(most).toBeLessThan(HELD_MB);
});

test('an upload waits for an upstream that does not read', async () => {
  const fixture = await startRouter();
  let read = (): void => undefined;
  await httpUpstream(fixture.pumaSocket, (asked, response) => {
    read = () => void digest(asked).then((got) => response.end(JSON.stringify(got)));
  });
  const { asked, answered } = ask(fixture, { 'Content-Length': UPLOAD });
  const producer = new Producer(asked, UPLOAD);
  expect(await producer.stalled()).toBeLessThan(ON_THE_WAY);
  read();
  await producer.done;
  asked.end();
  expect(JSON.parse(await textOf(await answered))).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
});

test.each(['Content-Length', 'chunks', 'the end of the connection'])(
  'a download of 99 MB with %s waits for its client, in constant memory',
  async (framing) => {
    const fixture = await startRouter();
    let producer: Producer | undefined;
    await httpUpstream(fixture.pumaSocket, (_, response) => {
      if (framing === 'Content-Length') response.setHeader('Content-Length', UPLOAD);
      if (framing === 'the end of the connection') response.removeHeader('Transfer-Encoding');
      producer = new Producer(response, UPLOAD);
      void producer.done.then(() => response.end());
    });
    const { asked, answered } = ask(fixture, {}, 'GET');
    asked.end();
    const response = await answered;
    const most = await peakBuffered(Promise.resolve(producer?.stalled()));
    expect(producer?.written).toBeLessThan(ON_THE_WAY);
    expect(most).toBeLessThan(HELD_MB);
    expect(await digest(response)).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  },
);

test('many small chunks at once wait together', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/many'));
  const server = await puma.awaitRequest();
  const chunks = '1\r\n~\r\n'.repeat(100_000);
  server.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  await client.until('~\r\n0\r\n\r\n');
  expect(client.received.split('~').length - 1).toBe(100_000);
});

test('each event of a stream arrives before the next is made', async () => {
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

test('the head of a response does not wait for its body', async () => {
  const fixture = await startRouter();
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request('/api/v1/streaming/public'));
  const server = await streaming.awaitRequest();
  server.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  await client.until('\r\n\r\n');
});

test('each piece of an upload arrives before the next is sent', async () => {
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

test('trailers go both ways', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const headers = ['Transfer-Encoding: chunked', 'Trailer: A-Checksum'];
  const client = fixture
    .client()
    .send(request('/', { method: 'POST', headers, body: '1\r\nx\r\n0\r\nA-Checksum: 7\r\n\r\n' }));
  const [asked] = await awaitRequests(puma, 1);
  expect(asked).toMatchObject({ body: 'x', trailers: [['A-Checksum', '7']] });
  expect(asked?.headers).toContainEqual(['Trailer', 'A-Checksum']);
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
  ['chunks, between two', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['chunks, before the last line', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n'],
  ['chunks, in a trailer', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nA: b\r\n'],
])('a response with %s that breaks off breaks the connection of its client', async (_, begun) => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const client = fixture.client().send(request('/'));
  const server = await puma.awaitRequest();
  server.send(`HTTP/1.1 200 OK\r\n${begun}`);
  await client.until('half');
  server.socket.end();
  expect((await awaitBrokenResponse(client)).body).toBe('half');
});

test('a response with chunks that are none breaks the connection of its client', async () => {
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

test('an upstream that refuses an upload at once: its client gets to know', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const { asked, answered } = ask(fixture, { 'Content-Length': UPLOAD });
  asked.on('error', () => undefined);
  const producer = new Producer(asked, UPLOAD);
  const server = await puma.awaitRequest();
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  const response = await answered;
  expect(response).toMatchObject({ statusCode: 413, headers: { connection: 'close' } });
  expect(await textOf(response)).toBe('big');
  asked.destroy();
  await producer.done;
  await eventually(() => expect(puma.openConnections).toBe(0));
});

/** One request whose body is still to come. */
function ask(fixture: RouterFixture, headers: Record<string, string | number>, method = 'POST'): Asked {
  const asked = httpRequest({ host: '127.0.0.1', port: fixture.port, method, headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    asked.once('response', resolve).once('error', reject),
  );
  answered.catch(() => undefined);
  asked.flushHeaders();
  return { asked, answered };
}
type Asked = { asked: ReturnType<typeof httpRequest>; answered: Promise<IncomingMessage> };

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) text += piece;
  return text;
}
