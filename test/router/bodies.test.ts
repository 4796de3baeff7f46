import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { digest, digestOf, MB, mostBuffered, Producer } from './flow.ts';
import { brokenOn, replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { httpUpstream, requestsOf, Upstream } from './upstream.ts';

/** What Mastodon lets a video weigh. */
const UPLOAD = 99 * MB;
/** What sockets and streams of both sides may hold when nobody reads: kernel buffers grow to some MB each. */
const ON_THE_WAY = 24 * MB;
/** What the router, the client and the upstream, one process here, may hold of it in buffers of their own. */
const HELD_MB = 16;

test.each(['Content-Length', 'chunks'])('an upload of 99 MB with %s, in constant memory', async (framing) => {
  const rig = await startRouter();
  await httpUpstream(
    rig.pumaSocket,
    (asked, reply) => void digest(asked).then((got) => reply.end(JSON.stringify(got))),
  );
  const headers = framing === 'chunks' ? {} : { 'Content-Length': UPLOAD };
  const { asked, answered } = ask(rig, headers);
  const producer = new Producer(asked, UPLOAD);
  const most = await mostBuffered(producer.done);
  asked.end();
  expect(JSON.parse(await textOf(await answered))).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  expect(most).toBeLessThan(HELD_MB);
});

test('an upload waits for an upstream that does not read', async () => {
  const rig = await startRouter();
  let read = (): void => undefined;
  await httpUpstream(rig.pumaSocket, (asked, reply) => {
    read = () => void digest(asked).then((got) => reply.end(JSON.stringify(got)));
  });
  const { asked, answered } = ask(rig, { 'Content-Length': UPLOAD });
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
    const rig = await startRouter();
    let producer: Producer | undefined;
    await httpUpstream(rig.pumaSocket, (_, reply) => {
      if (framing === 'Content-Length') reply.setHeader('Content-Length', UPLOAD);
      if (framing === 'the end of the connection') reply.removeHeader('Transfer-Encoding');
      producer = new Producer(reply, UPLOAD);
      void producer.done.then(() => reply.end());
    });
    const { asked, answered } = ask(rig, {}, 'GET');
    asked.end();
    const reply = await answered;
    const most = await mostBuffered(Promise.resolve(producer?.stalled()));
    expect(producer?.given).toBeLessThan(ON_THE_WAY);
    expect(most).toBeLessThan(HELD_MB);
    expect(await digest(reply)).toEqual({ bytes: UPLOAD, digest: digestOf(UPLOAD) });
  },
);

test('many small chunks at once wait together', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/many'));
  const server = await puma.asked();
  const chunks = '1\r\n~\r\n'.repeat(100_000);
  server.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  await client.until('~\r\n0\r\n\r\n');
  expect(client.received.split('~').length - 1).toBe(100_000);
});

test('each event of a stream arrives before the next is made', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request('/api/v1/streaming/public'));
  const server = await streaming.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const event of [':)\n', ':thump\n', 'event: update\n', 'data: {}\n\n']) {
    server.send(`${event.length.toString(16)}\r\n${event}\r\n`);
    await client.until(event);
  }
});

test('the head of a reply does not wait for its body', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request('/api/v1/streaming/public'));
  const server = await streaming.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  await client.until('\r\n\r\n');
});

test('each piece of an upload arrives before the next is sent', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/upload', { method: 'POST', headers: ['Transfer-Encoding: chunked'] }));
  const server = await puma.wire();
  for (const piece of ['one', 'two', 'three']) {
    client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await server.until(piece);
  }
  client.send('0\r\n\r\n');
  expect(await requestsOf(puma, 1)).toMatchObject([{ body: 'onetwothree', isComplete: true }]);
});

test('trailers go both ways', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const headers = ['Transfer-Encoding: chunked', 'Trailer: A-Checksum'];
  const client = rig
    .client()
    .send(request('/', { method: 'POST', headers, body: '1\r\nx\r\n0\r\nA-Checksum: 7\r\n\r\n' }));
  const [asked] = await requestsOf(puma, 1);
  expect(asked).toMatchObject({ body: 'x', trailers: [['A-Checksum', '7']] });
  expect(asked?.headers).toContainEqual(['Trailer', 'A-Checksum']);
  (await puma.wire()).send(
    'HTTP/1.1 200 OK\r\nTrailer: B-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\nB-Sum: 8\r\n\r\n',
  );
  const reply = await replyOn(client);
  expect(reply).toMatchObject({ body: 'y', trailers: [['B-Sum', '8']] });
  expect(reply.headers).toContainEqual(['Trailer', 'B-Sum']);
});

test.each([
  ['Content-Length', 'Content-Length: 100\r\n\r\nhalf'],
  ['chunks, in a chunk', 'Transfer-Encoding: chunked\r\n\r\nff\r\nhalf'],
  ['chunks, between two', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['chunks, before the last line', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n'],
  ['chunks, in a trailer', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nA: b\r\n'],
])('a reply with %s that breaks off breaks the connection of its client', async (_, begun) => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  server.send(`HTTP/1.1 200 OK\r\n${begun}`);
  await client.until('half');
  server.socket.end();
  expect((await brokenOn(client)).body).toBe('half');
});

test('a reply with chunks that are none breaks the connection of its client', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  await client.until('half');
  server.send('zz\r\n');
  await brokenOn(client);
  await server.closed();
});

test('an upstream that refuses an upload at once: its client gets to know', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const { asked, answered } = ask(rig, { 'Content-Length': UPLOAD });
  asked.on('error', () => undefined);
  const producer = new Producer(asked, UPLOAD);
  const server = await puma.asked();
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  const reply = await answered;
  expect(reply).toMatchObject({ statusCode: 413, headers: { connection: 'close' } });
  expect(await textOf(reply)).toBe('big');
  asked.destroy();
  await producer.done;
  await eventually(() => expect(puma.open).toBe(0));
});

/** One request whose body is still to come. */
function ask(rig: Rig, headers: Record<string, string | number>, method = 'POST'): Asked {
  const asked = httpRequest({ host: '127.0.0.1', port: rig.port, method, headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    asked.once('response', resolve).once('error', reject),
  );
  answered.catch(() => undefined);
  asked.flushHeaders();
  return { asked, answered };
}
type Asked = { asked: ReturnType<typeof httpRequest>; answered: Promise<IncomingMessage> };

async function textOf(reply: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of reply.setEncoding('utf8') as AsyncIterable<string>) text += piece;
  return text;
}
