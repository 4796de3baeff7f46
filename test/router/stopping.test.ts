import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS, STALLED_AT_A_STOP_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './flow.ts';
import { statusOf, targetOf, valueOf } from './messages.ts';
import { replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, requestsOf, Upstream } from './upstream.ts';
import { wireTo, type Wire } from './wire.ts';

const API = '/api/v1/streaming';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: a'];
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

function stop(rig: Rig): void {
  rig.router.hear({ fact: 'stopping', because: 'SIGTERM', children: ['puma'], atMostMs: 29_000 });
}

/** Resolves once nobody gets in any more. */
async function isRefused(rig: Rig): Promise<void> {
  await eventually(async () => {
    const late = wireTo({ host: '127.0.0.1', port: rig.port });
    await new Promise((resolve) => late.socket.once('connect', resolve).once('error', resolve));
    late.socket.destroy();
    expect(late.error).toBe('ECONNREFUSED');
  });
}

test('who comes in the moment of the stop is still served, and told to go', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  answering(rig.pumaSocket, () => plain('ok'));
  const kept = rig.client().send(request('/'));
  await replyOn(kept);
  stop(rig);
  for (const client of [kept, rig.client()]) {
    const before = client.received.length;
    client.send(request('/'));
    await eventually(() => expect(client.received.slice(before)).toMatch(/Connection: close\r\n[^]*ok$/));
  }
  const idle = rig.client();
  await eventually(() => expect(idle.socket.readyState).toBe('open'));
  expect(rig.demands).toEqual([]);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(rig);
  expect(idle.isClosed).toBe(false);
  await clock.advance(DRAIN_GRACE_MS);
  await idle.closed();
  expect(rig.demands).toContainEqual({ type: 'drained', child: 'puma' });
});

test('the port closes in a moment, and so do connections that have been served', async () => {
  const rig = await startRouter();
  answering(rig.pumaSocket, () => plain('ok'));
  const client = rig.client().send(request('/'));
  await replyOn(client);
  stop(rig);
  await isRefused(rig);
  await client.closed();
  expect(client.error).toBeNull();
});

test('connections that have never said anything close with the port', async () => {
  const rig = await startRouter();
  const unused = rig.client();
  await eventually(() => expect(unused.socket.readyState).toBe('open'));
  stop(rig);
  await unused.closed();
});

test('a request in flight gets its answer, which says close', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  await requestsOf(puma, 1);
  stop(rig);
  const drained = { type: 'drained', child: 'puma' };
  expect(rig.demands).not.toContainEqual(drained);
  (await puma.wire()).send(plain('late but sure'));
  const reply = await replyOn(client);
  expect(reply.body).toBe('late but sure');
  expect(valueOf(reply, 'connection')).toBe('close');
  await client.closed();
  expect(client.error).toBeNull();
  await eventually(() => expect(rig.demands).toContainEqual(drained));
});

/** A reply that a stop finds under way, on a connection that its head has promised to keep. */
async function halfReplied(clock: FakeClock): Promise<{ rig: Rig; puma: Upstream; client: Wire; finish: () => void }> {
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = wireTo({ host: '127.0.0.1', port: rig.port, allowHalfOpen: true }).send(request('/first'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  stop(rig);
  return { rig, puma, client, finish: () => void server.send('more') };
}

test('a connection that a reply has promised to keep is served in the moments after the stop', async () => {
  const { puma, client, finish } = await halfReplied(new FakeClock());
  finish();
  await client.until('halfmore');
  client.send(request('/second'));
  await requestsOf(puma, 2);
  (await puma.wire(0)).send(plain('and the last'));
  await client.until(/Connection: close\r\n[^]*and the last$/);
  await eventually(() => expect(client.hasEnded).toBe(true));
});

test('later it is closed with that reply, and what comes on it is not passed on', async () => {
  const clock = new FakeClock();
  const { rig, puma, client, finish } = await halfReplied(clock);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(rig);
  await clock.advance(DRAIN_GRACE_MS);
  finish();
  await eventually(() => expect(client.hasEnded).toBe(true));
  expect(client.received).toMatch(/halfmore$/);
  client.send(request('/second')).socket.end();
  await client.closed();
  expect(puma.requests).toHaveLength(1);
});

test('who still uploads when its reply comes late in a stop gets that reply, and no reset over it', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = wireTo({ host: '127.0.0.1', port: rig.port, allowHalfOpen: true });
  client.send(request('/', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' }));
  const server = await puma.wire();
  await server.until('half');
  stop(rig);
  await clock.advance(DRAIN_GRACE_MS);
  await isRefused(rig);
  await clock.advance(DRAIN_GRACE_MS);
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
  await eventually(() => expect(client.hasEnded).toBe(true));
  client.send('more').socket.end('more');
  await client.closed();
  expect(client.received).toMatch(/big$/);
  expect(client.error).toBeNull();
});

test('an upload in flight is finished', async () => {
  const rig = await startRouter();
  const puma = answering(rig.pumaSocket, ({ body }) => plain(body));
  const client = rig.client().send(request('/', { method: 'POST', headers: ['Content-Length: 8'], body: 'half' }));
  await (await puma.wire()).until('half');
  stop(rig);
  client.send('more');
  expect((await replyOn(client)).body).toBe('halfmore');
  await client.closed();
});

test('what nobody is inside has drained at once, and only once', async () => {
  const rig = await startRouter({ streaming: 'on-demand' });
  stop(rig);
  const drained = ['puma', 'streaming'].map((child) => ({ type: 'drained', child }));
  await eventually(() => expect(rig.demands).toEqual(drained));
  await rig.router.close();
  expect(rig.demands).toEqual(drained);
});

test('a WebSocket goes on until its server ends', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  const server = await streaming.asked();
  server.send(SWITCHED);
  await client.until('\r\n\r\n');
  stop(rig);
  server.send('still here');
  await client.until('still here');
  server.socket.destroy();
  await client.closed();
});

test('a stream of events goes on until its server ends, and is not presented as whole', async () => {
  const rig = await startRouter();
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request(API));
  const server = await streaming.asked();
  server.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:)\n\r\n');
  await client.until(':)');
  stop(rig);
  server.send('3\r\n:(\n\r\n');
  await client.until(':(');
  server.socket.destroy();
  await client.closed();
  expect(client.received).not.toContain('0\r\n\r\n');
});

test('close() ends everything: requests, uploads, downloads, held ones, WebSockets and those that want to be', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock, up: ['puma'] });
  const puma = new Upstream(rig.pumaSocket);
  const clients = [
    rig.client(),
    rig.client().send('GET / HT'),
    rig.client().send(request('/asked')),
    rig.client().send(request('/upload', { method: 'POST', headers: ['Content-Length: 9'], body: 'half' })),
    rig.client().send(request(`${API}/held`)),
    rig.client().send(request(`${API}/held`, { headers: UPGRADE })),
  ];
  await eventually(() => expect(puma.requests.map(targetOf).sort()).toEqual(['/asked', '/upload']));
  await eventually(() => expect(clock.left).toBeGreaterThanOrEqual(3));
  await rig.router.close();
  for (const client of clients) await client.closed();
  await eventually(() => expect(puma.open).toBe(0));
  expect(clock.left).toBe(0);
});

test('an answer that has begun is finished, and then its connection closes', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await client.until('half');
  stop(rig);
  server.send('more');
  expect((await replyOn(client)).body).toBe('halfmore');
  await client.closed();
});

test('requests that were sent behind one another before it are all answered', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client().send(request('/a') + request('/b'));
  const server = await puma.asked();
  stop(rig);
  server.send(plain('a'));
  await server.until('/b');
  server.send(plain('b'));
  await client.until(/\r\n\r\na[^]*\r\n\r\nb$/);
  await client.closed();
});

test('who is held is turned away, and told to come again', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock, up: [] });
  const client = rig.client().send(request('/'));
  await eventually(() => expect(clock.left).toBe(1));
  stop(rig);
  const reply = await replyOn(client);
  expect(statusOf(reply)).toBe(503);
  expect(valueOf(reply, 'retry-after')).not.toBeNull();
  await client.closed();
  await clock.advance(2 * DRAIN_GRACE_MS);
  expect(clock.left).toBe(0);
});

test('close() ends WebSockets, open or about to be', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const streaming = new Upstream(rig.streamingSocket);
  const open = rig.client().send(request(`${API}/open`, { headers: UPGRADE }));
  const server = await streaming.asked();
  server.send(SWITCHED);
  await open.until('\r\n\r\n');
  const asking = rig.client().send(request(`${API}/asking`, { headers: UPGRADE }));
  await (await streaming.wire(1)).until('\r\n\r\n');
  await rig.router.close();
  await Promise.all([open.closed(), asking.closed()]);
  await eventually(() => expect(streaming.open).toBe(0));
  expect(clock.left).toBe(0);
});

test('an upstream that is gone already: come again, elsewhere', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const client = rig.client();
  await eventually(() => expect(client.socket.readyState).toBe('open'));
  stop(rig);
  const reply = await replyOn(client.send(request('/')));
  expect([statusOf(reply), valueOf(reply, 'connection')]).toEqual([503, 'close']);
});

test('a client that takes nothing of its reply holds nobody up for long', async () => {
  const clock = new FakeClock();
  const rig = await startRouter({ clock });
  const puma = new Upstream(rig.pumaSocket);
  const client = rig.client();
  client.socket.pause();
  client.send(request('/'));
  const server = await puma.asked();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 103809024\r\n\r\n');
  await new Producer(server.socket, 99 * MB).stalled();
  stop(rig);
  await clock.advance(STALLED_AT_A_STOP_MS + 2000);
  await server.closed();
  await eventually(() => expect(rig.demands).toContainEqual({ type: 'drained', child: 'puma' }));
});

test('a client that takes nothing of its WebSocket holds nobody up once the server has gone', async () => {
  const rig = await startRouter({ streaming: 'on-demand' });
  const streaming = new Upstream(rig.streamingSocket);
  const client = rig.client().send(request(API, { headers: UPGRADE }));
  const server = await streaming.asked();
  server.send(SWITCHED);
  await client.until('\r\n\r\n');
  client.socket.pause();
  await new Producer(server.socket, 99 * MB).stalled();
  server.socket.destroy();
  await rig.router.close(600_000);
  await eventually(() => expect(rig.demands).toContainEqual({ type: 'drained', child: 'streaming' }));
});
