import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './flow.ts';
import { readReplies, statusOf, targetOf, valueOf } from './messages.ts';
import { brokenOn, repliesOn, replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
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

test('requests behind one another are asked one after the other, whoever they are for', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), echoing(rig.streamingSocket)];
  const client = rig.client().send(request('/slow') + request(`${API}/health`) + request('/last'));
  const slow = await puma.asked();
  await anotherIsServed(rig, puma);
  expect([puma.requests.length, streaming.requests.length]).toEqual([2, 0]);
  slow.send(plain('slow'));
  await eventually(() => expect(puma.requests).toHaveLength(3));
  for (const wire of puma.wires) if (wire.received.includes('/last')) wire.send(plain('last'));
  expect((await repliesOn(client, 3)).map(({ body }) => body)).toEqual(['slow', `${API}/health`, 'last']);
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
  await eventually(() => expect(server.socket.readableLength).toBeGreaterThan(0));
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

test('many requests behind one another take one connection to puma', async () => {
  const rig = await startRouter();
  const puma = answering(rig.pumaSocket, () => plain('~'.repeat(10_000)));
  await repliesOn(rig.client().send(request('/').repeat(200)), 200);
  expect(puma.wires).toHaveLength(1);
});

test('a client that sends request after request without an end, while the first has no reply, is cut off', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  client.send(request('/').repeat(2000));
  await client.closed();
  await server.closed();
  expect(rig.told('router-trouble')).toMatchObject([{ child: 'router' }]);
});

test('a reply that breaks off behind another one breaks the connection, and leaves that one whole', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  client.socket.pause(); // so that the first has left the router, and not come yet
  client.send(request('/first') + request('/second'));
  const server = await puma.asked();
  server.send(plain('f'.repeat(200_000)));
  await server.until('/second');
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf').socket.end();
  await server.closed();
  client.socket.resume();
  await client.closed();
  expect(readReplies(client.received)).toMatchObject([{ isComplete: true }, { isComplete: false }]);
});

test('a client that leaves takes all its requests along', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const client = rig.client().send(request('/a') + request('/b') + request(API));
  const server = await puma.asked();
  client.socket.destroy();
  await server.closed();
  await anotherIsServed(rig, puma);
  expect([puma.requests.length, streaming.requests.length]).toEqual([2, 0]);
});

test('a reply that nobody takes yet holds up nobody else', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const waiting = rig.client();
  waiting.socket.pause();
  waiting.send(request('/large'));
  const server = await puma.asked();
  await new Producer(server.send(`HTTP/1.1 200 OK\r\nContent-Length: ${99 * MB}\r\n\r\n`).socket, 99 * MB).stalled();
  await anotherIsServed(rig, puma);
  expect(waiting.isClosed).toBe(false);
});

test('what is behind a large reply is not taken in before its turn', async () => {
  const rig = await startRouter();
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const client = rig.client();
  client.socket.pause();
  client.send(request('/large') + request(`${API}/behind`));
  const server = await puma.asked();
  await new Producer(server.send(`HTTP/1.1 200 OK\r\nContent-Length: ${99 * MB}\r\n\r\n`).socket, 99 * MB).stalled();
  expect(streaming.wires).toEqual([]);
});

/** After it the router has read whatever was sent to it before. */
async function anotherIsServed(rig: Rig, puma: Upstream): Promise<void> {
  const other = rig.client().send(request('/another'));
  const another = await eventually(() => {
    const found = puma.wires.find(({ received }) => received.includes('/another'));
    if (found === undefined) throw new Error('not asked yet');
    return found;
  });
  await another.until('\r\n\r\n');
  another.send(plain('another'));
  await other.until(/another$/);
}

async function servedOnce(client: Wire, puma: Upstream): Promise<Wire> {
  client.send(request('/once'));
  const server = await puma.asked();
  server.send(plain('once'));
  await replyOn(client);
  return server;
}
