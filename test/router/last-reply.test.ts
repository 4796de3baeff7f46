import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { readReplies } from './messages.ts';
import { replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, Upstream } from './upstream.ts';
import { wireTo, type Wire } from './wire.ts';

const GET_A = request('/a');
const POST_B = request('/b', { method: 'POST', headers: ['Content-Length: 4'], body: 'once' });
const UPLOAD = request('/upload', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' });
const WEB_SOCKET = request('/api/v1/streaming', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] });

/** One that reads on when the router has said its last word. */
function client(rig: Rig): Wire {
  return wireTo({ host: '127.0.0.1', port: rig.port, allowHalfOpen: true });
}

function stop(rig: Rig): void {
  rig.router.hear({ fact: 'stopping', because: 'SIGTERM', children: ['puma'], atMostMs: 29_000 });
}

/** Once the router has read all of it: the end of what it says comes after the end of what it hears. */
async function isDropped(sent: Wire): Promise<void> {
  sent.socket.end();
  await sent.closed();
  expect(sent.error).toBeNull();
}

test.each([
  ['a request', POST_B],
  ['an upgrade', WEB_SOCKET],
])('%s behind a reply that closes its connection is not passed on: while that runs', async (_, behind) => {
  const rig = await startRouter({ clock: new FakeClock() });
  const [puma, streaming] = [new Upstream(rig.pumaSocket), new Upstream(rig.streamingSocket)];
  const sent = client(rig).send(GET_A);
  const server = await puma.asked();
  stop(rig);
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await sent.until(/Connection: close\r\n[^]*half$/);
  sent.send(behind);
  await probe(rig, puma);
  server.send('more');
  await eventually(() => expect(sent.hasEnded).toBe(true));
  await isDropped(sent);
  expect(sent.received).toMatch(/halfmore$/);
  expect(targets(puma)).toEqual(['GET /a', 'GET /probe']);
  expect(streaming.requests).toEqual([]);
});

test.each([
  ['a request', POST_B],
  ['an upgrade', WEB_SOCKET],
])(
  '%s behind a reply that closes its connection is not passed on: after it, in the first moments of a stop',
  async (_, behind) => {
    const rig = await startRouter({ clock: new FakeClock() });
    const puma = answering(rig.pumaSocket, () => plain('ok'));
    const streaming = new Upstream(rig.streamingSocket);
    stop(rig);
    const sent = client(rig).send(GET_A);
    await eventually(() => expect(sent.hasEnded).toBe(true));
    sent.send(behind);
    await isDropped(sent);
    expect(targets(puma)).toEqual(['GET /a']);
    expect(streaming.requests).toEqual([]);
  },
);

test('a request behind an upload that was refused is not passed on', async () => {
  const rig = await startRouter();
  const puma = new Upstream(rig.pumaSocket);
  const sent = client(rig).send(UPLOAD);
  const server = await puma.wire();
  await server.until('half');
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig');
  await eventually(() => expect(sent.hasEnded).toBe(true));
  sent.send(`and more${POST_B}`);
  await isDropped(sent);
  expect(sent.received).toMatch(/big$/);
  expect(targets(puma)).toEqual(['POST /upload']);
});

test('replies that a slow client has not taken yet are not cut by the end of the first moments of a stop', async () => {
  const [clock, body] = [new FakeClock(), 'x'.repeat(60_000)];
  const rig = await startRouter({ clock });
  const puma = answering(rig.pumaSocket, () => plain(body));
  const sent = client(rig);
  sent.socket.pause();
  sent.send(request('/many').repeat(200));
  let before = 0;
  await eventually(() => {
    const now = puma.requests.length;
    const isSettled = now === before && now > 0;
    before = now;
    expect(isSettled).toBe(true);
  });
  stop(rig);
  await clock.advance(DRAIN_GRACE_MS);
  await clock.advance(DRAIN_GRACE_MS);
  sent.socket.resume();
  await eventually(() => expect(sent.hasEnded).toBe(true));
  const replies = readReplies(sent.received);
  expect(replies.length).toBeGreaterThanOrEqual(before);
  expect(replies.every((reply) => reply.isComplete === true && reply.body === body)).toBe(true);
});

test('a monitor of streaming that sleeps is told as well that its connection closes', async () => {
  const rig = await startRouter({ streaming: 'on-demand', up: ['puma'] });
  stop(rig);
  const sent = rig.client().send(request('/api/v1/streaming/health'));
  expect(await replyOn(sent)).toMatchObject({
    body: 'OK',
    headers: expect.arrayContaining([['Connection', 'close']]) as unknown,
  });
  await sent.closed();
});

function targets({ requests }: Upstream): string[] {
  return requests.map(({ start }) => start.replace(/ HTTP.*/, ''));
}

/** After it the router has read whatever was sent to it before. */
async function probe(rig: Rig, puma: Upstream): Promise<void> {
  const sent = rig.client().send(request('/probe'));
  const server = await puma.asked(puma.wires.length);
  server.send(plain('ok'));
  await replyOn(sent);
}
