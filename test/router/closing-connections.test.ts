import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { parseResponses } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, FakeUpstream } from './fake-upstream.ts';
import { rawClient, type RawConnection } from './raw-client.ts';

const GET_A = request('/a');
const POST_B = request('/b', { method: 'POST', headers: ['Content-Length: 4'], body: 'once' });
const UPLOAD = request('/upload', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' });
const WEB_SOCKET = request('/api/v1/streaming', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] });

/** One that reads on when the router has said its last word. */
function client(fixture: RouterFixture): RawConnection {
  return rawClient({ host: '127.0.0.1', port: fixture.port, allowHalfOpen: true });
}

function stop(fixture: RouterFixture): void {
  fixture.router.onEvent({ fact: 'stopping', because: 'SIGTERM', children: ['puma'], atMostMs: 29_000 });
}

/** Once the router has read all of it: the end of what it says comes after the end of what it hears. */
async function isDropped(sent: RawConnection): Promise<void> {
  sent.socket.end();
  await sent.closed();
  expect(sent.error).toBeNull();
}

test.each([
  ['a request', POST_B],
  ['an upgrade', WEB_SOCKET],
])('%s behind a response that closes its connection is not passed on: while that runs', async (_, behind) => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const sent = client(fixture).send(GET_A);
  const server = await puma.awaitRequest();
  stop(fixture);
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await sent.until(/Connection: close\r\n[^]*half$/);
  sent.send(behind);
  await probe(fixture, puma);
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
  '%s behind a response that closes its connection is not passed on: after it, in the first moments of a stop',
  async (_, behind) => {
    const fixture = await startRouter({ clock: new FakeClock() });
    const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
    const streaming = new FakeUpstream(fixture.streamingSocket);
    stop(fixture);
    const sent = client(fixture).send(GET_A);
    await eventually(() => expect(sent.hasEnded).toBe(true));
    sent.send(behind);
    await isDropped(sent);
    expect(targets(puma)).toEqual(['GET /a']);
    expect(streaming.requests).toEqual([]);
  },
);

test('a request behind an upload that was refused is not passed on', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const sent = client(fixture).send(UPLOAD);
  const server = await puma.awaitConnection();
  await server.until('half');
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig');
  await eventually(() => expect(sent.hasEnded).toBe(true));
  sent.send(`and more${POST_B}`);
  await isDropped(sent);
  expect(sent.received).toMatch(/big$/);
  expect(targets(puma)).toEqual(['POST /upload']);
});

test('responses that a slow client has not taken yet are not cut by the end of the first moments of a stop', async () => {
  const [clock, body] = [new FakeClock(), 'x'.repeat(60_000)];
  const fixture = await startRouter({ clock });
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse(body));
  const sent = client(fixture);
  sent.socket.pause();
  sent.send(request('/many').repeat(200));
  let before = 0;
  await eventually(() => {
    const now = puma.requests.length;
    const isSettled = now === before && now > 0;
    before = now;
    expect(isSettled).toBe(true);
  });
  stop(fixture);
  await clock.advance(DRAIN_GRACE_MS);
  await clock.advance(DRAIN_GRACE_MS);
  sent.socket.resume();
  await eventually(() => expect(sent.hasEnded).toBe(true));
  const responses = parseResponses(sent.received);
  expect(responses.length).toBeGreaterThanOrEqual(before);
  expect(responses.every((response) => response.isComplete === true && response.body === body)).toBe(true);
});

test('a monitor of streaming that sleeps is told as well that its connection closes', async () => {
  const fixture = await startRouter({ streaming: 'on-demand', ready: ['puma'] });
  stop(fixture);
  const sent = fixture.client().send(request('/api/v1/streaming/health'));
  expect(await awaitResponse(sent)).toMatchObject({
    body: 'OK',
    headers: expect.arrayContaining([['Connection', 'close']]) as unknown,
  });
  await sent.closed();
});

function targets({ requests }: FakeUpstream): string[] {
  return requests.map(({ start }) => start.replace(/ HTTP.*/, ''));
}

/** After it the router has read whatever was sent to it before. */
async function probe(fixture: RouterFixture, puma: FakeUpstream): Promise<void> {
  const sent = fixture.client().send(request('/probe'));
  const server = await puma.awaitRequest(puma.connections.length);
  server.send(plainResponse('ok'));
  await awaitResponse(sent);
}
