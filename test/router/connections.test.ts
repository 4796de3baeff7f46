import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, valueOf } from './messages.ts';
import { brokenOn, repliesOn, replyOn } from './replies.ts';
import { request, startRouter } from './rig.ts';
import { answering, plain, requestsOf, Upstream } from './upstream.ts';
import type { Wire } from './wire.ts';

const API = '/api/v1/streaming';
/** Answers with the target that was asked. */
const echoing = (path: string): Upstream => answering(path, (asked) => plain(targetOf(asked)));

test('the connection to an upstream is used again, by whoever comes', async () => {
  const rig = await startRouter();
  const puma = echoing(rig.pumaSocket);
  for (const target of ['/a', '/b', '/c']) {
    expect((await replyOn(rig.client().send(request(target)))).body).toBe(target);
  }
  expect(puma.wires).toHaveLength(1);
});

test('as many connections as there are requests at the same time, and no more', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const clients = [1, 2, 3].map(() => rig.client().send(request('/')));
  await requestsOf(puma, 3);
  expect(puma.wires).toHaveLength(3);
  for (const wire of puma.wires) wire.send(plain('ok'));
  for (const client of clients) await replyOn(client);
  for (const client of clients) client.send(request('/again'));
  await requestsOf(puma, 6);
  expect(puma.wires).toHaveLength(3);
});

test('more requests in flight than connections are kept: those beyond say close, and go', async () => {
  const rig = await startRouter(); // of puma 5 are kept
  const puma = new Upstream(rig.pumaSocket);
  const clients = Array.from({ length: 7 }, () => rig.client().send(request('/')));
  const asked = await requestsOf(puma, 7);
  expect(asked.map((one) => valueOf(one, 'connection')).sort()).toEqual([
    'close',
    'close',
    ...Array<null>(5).fill(null),
  ]);
  for (const wire of puma.wires) wire.send(plain('ok'));
  for (const client of clients) expect(valueOf(await replyOn(client), 'connection')).toBe('keep-alive');
  await eventually(() => expect(puma.open).toBeLessThanOrEqual(5));
});

test('streaming keeps none', async () => {
  const rig = await startRouter();
  const streaming = echoing(rig.streamingSocket);
  const client = rig.client().send(request(API) + request(API));
  await repliesOn(client, 2);
  expect(streaming.requests.map((one) => valueOf(one, 'connection'))).toEqual(['close', 'close']);
  await eventually(() => expect(streaming.open).toBe(0));
});

test('an idle connection to an upstream is closed before the upstream would', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = echoing(rig.pumaSocket);
  await replyOn(rig.client().send(request('/')));
  expect(puma.open).toBe(1);
  await clock.advance(4900); // Node's own keep-alive is 5 s
  await eventually(() => expect(puma.open).toBe(0));
});

test.each([
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
])('an upstream that says %s is not asked again on that connection', async (_, reply) => {
  const rig = await startRouter();
  const puma = answering(rig.pumaSocket, () => reply);
  const client = rig.client().send(request('/'));
  expect(valueOf(await replyOn(client), 'connection')).toBe('keep-alive');
  client.send(request('/'));
  await repliesOn(client, 2);
  expect(puma.wires).toHaveLength(2);
});

test('the connection to the client is kept, longer than the platform keeps it', async () => {
  const rig = await startRouter();
  echoing(rig.pumaSocket);
  const reply = await replyOn(rig.client().send(request('/')));
  expect(valueOf(reply, 'keep-alive')).toBe('timeout=95');
});

test('a client that says close gets its connection closed', async () => {
  const rig = await startRouter();
  echoing(rig.pumaSocket);
  const client = rig.client().send(request('/', { headers: ['Connection: close'] }));
  expect(valueOf(await replyOn(client), 'connection')).toBe('close');
  await client.closed();
});

test('replies keep the order of their requests, whoever answers first', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const client = rig.client().send(request('/slow') + request(`${API}/health`) + request('/last'));
  const [slow, last] = [await puma.wire(0), await puma.wire(1)];
  for (const wire of [last, await streaming.wire()]) {
    await wire.until('\r\n\r\n');
    wire.send(plain(wire === last ? 'last' : 'streaming'));
  }
  await slow.until('\r\n\r\n');
  slow.send(plain('slow'));
  expect((await repliesOn(client, 3)).map(({ body }) => body)).toEqual(['slow', 'streaming', 'last']);
});

test.each([
  ['before the reply', ''],
  ['in the head of the reply', 'HTTP/1.1 200 OK\r\nA: b'],
  ['in the body of the reply', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
  ['in an endless reply', 'HTTP/1.1 200 OK\r\n\r\nhalf'],
])('a client that leaves %s: the upstream gets to know at once', async (_, begun) => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  server.send(begun);
  if (begun.endsWith('half')) await client.until('half');
  client.socket.destroy();
  await server.closed();
});

test.each(['a length', 'chunks'])(
  'a client that leaves in an upload with %s: the upstream never takes it for whole',
  async (framing) => {
    const rig = await startRouter();
    const puma = new Upstream(rig.pumaSocket);
    const [headers, body] =
      framing === 'chunks' ? [['Transfer-Encoding: chunked'], '4\r\nhalf\r\n'] : [['Content-Length: 100'], 'half'];
    const client = rig.client().send(request('/', { method: 'POST', headers, body }));
    const server = await puma.wire();
    await server.until('half');
    client.socket.destroy();
    await server.closed();
    expect(puma.requests).toMatchObject([{ isComplete: false }]);
  },
);

test('an upstream that closes a connection under the next request is asked once more', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  const server = await servedOnce(client, puma);
  server.socket.once('data', () => server.socket.destroy());
  client.send(request('/again'));
  const other = await puma.wire(1);
  await other.until('/again');
  other.send(plain('again'));
  expect((await repliesOn(client, 2)).map(({ body }) => body)).toEqual(['once', 'again']);
  expect(rig.told('router-trouble')).toEqual([]);
});

test.each([
  ['a request with a body', request('/again', { method: 'PUT', headers: ['Content-Length: 2'], body: 'hi' })],
  ['a POST', request('/again', { method: 'POST' })],
])('%s is not asked twice', async (_, again) => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  const server = await servedOnce(client, puma);
  server.socket.once('data', () => server.socket.destroy());
  client.send(again);
  expect((await repliesOn(client, 2)).map(statusOf)).toEqual([200, 502]);
  expect(puma.wires).toHaveLength(1);
  expect(rig.told('router-trouble')).toHaveLength(1);
});

test('an upstream that closes every connection is not asked for ever', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  const server = await servedOnce(client, puma);
  server.socket.once('data', () => server.socket.destroy());
  client.send(request('/again'));
  const other = await puma.wire(1);
  other.socket.destroy();
  expect((await repliesOn(client, 2)).map(statusOf)).toEqual([200, 502]);
  expect(puma.wires).toHaveLength(2);
});

test('an upstream that is not there: 502, one line a second with how often, and nothing of where it would be', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  for (let time = 0; time < 3; time += 1) {
    const reply = await replyOn(rig.client().send(request('/')));
    expect(statusOf(reply)).toBe(502);
    expect(JSON.stringify(reply)).not.toContain(rig.folder);
  }
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'puma', count: 1 }]);
  await clock.advance(1000);
  expect(rig.told('router-trouble')).toMatchObject([{ count: 1 }, { count: 2 }]);
});

test('an upstream that is back is asked again', async () => {
  const rig = await startRouter();
  const client = rig.client().send(request('/'));
  await replyOn(client);
  echoing(rig.pumaSocket);
  client.send(request('/again'));
  expect((await repliesOn(client, 2)).map(statusOf)).toEqual([502, 200]);
});

test('an upstream that is reset in a reply without a length breaks the connection of its client', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/', { method: 'POST', headers: ['Content-Length: 1000000'], body: 'a' }));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\n\r\nhalf');
  await client.until('half');
  server.socket.pause();
  client.send('b'.repeat(100_000)); // what is not read makes the close a reset
  await eventually(() => expect(client.socket.writableLength).toBe(0));
  server.socket.destroy();
  await brokenOn(client);
});

test('who comes when there are as many connections as there may be is turned away at once', async () => {
  const rig = await startRouter({ mostConnections: 2 });
  echoing(rig.pumaSocket);
  const clients = [rig.client().send(request('/a')), rig.client().send(request('/b'))];
  for (const client of clients) await replyOn(client);
  const third = rig.client();
  await third.closed();
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'router' }]);
  clients[0]?.socket.destroy();
  await eventually(async () => {
    const next = rig.client().send(request('/c'));
    await eventually(() => expect(next.received !== '' || next.isClosed).toBe(true));
    expect(next.received).toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

test('many requests behind one another wait for the first, and for their client', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/').repeat(30));
  await requestsOf(puma, 30);
  const [first, ...others] = puma.wires;
  for (const wire of others) wire.send(plain('~'.repeat(100_000)));
  await eventually(() => expect(others.filter(({ socket }) => socket.writableLength > 0)).toEqual([]));
  first?.send(plain('first'));
  await repliesOn(client, 30);
});

test('a reply that breaks off behind another one breaks the connection as well', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/first') + request('/second'));
  const [first, second] = [await puma.wire(0), await puma.wire(1)];
  await second.until('\r\n\r\n');
  second.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf').socket.end();
  await second.closed();
  await first.until('\r\n\r\n');
  first.send(plain('first'));
  await client.closed();
});

test('a client that leaves takes all its requests along', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const client = rig.client().send(request('/a') + request('/b') + request(API));
  await requestsOf(puma, 2);
  await requestsOf(streaming, 1);
  client.socket.destroy();
  await eventually(() => expect([puma.open, streaming.open]).toEqual([0, 0]));
});

test('a reply that nobody takes yet holds up nobody else', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const waiting = rig.client().send(request(API) + request('/large'));
  await requestsOf(streaming, 1); // and no reply: that of the second request has to wait for it
  const server = await puma.asked();
  const chunk = `5000\r\n${'x'.repeat(0x5000)}\r\n`;
  server.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`);
  const other = rig.client();
  for (const target of ['/a', '/b', '/c']) {
    other.send(request(target));
    await eventually(() => expect(puma.wires.filter(({ received }) => received.includes(target))).toHaveLength(1));
    puma.wires.find(({ received }) => received.includes(target))?.send(plain(target));
    await other.until(`\r\n\r\n${target}`);
  }
  expect(waiting.received).toBe('');
});

async function servedOnce(client: Wire, puma: Upstream): Promise<Wire> {
  client.send(request('/once'));
  const server = await puma.asked();
  server.send(plain('once'));
  await replyOn(client);
  return server;
}
