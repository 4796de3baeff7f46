import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { DRAIN_GRACE_MS } from '../../src/router/limits.ts';
import { eventually } from '../harness/eventually.ts';
import { parseResponses } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

const GET_A = request('/a');
const POST_B = request('/b', { method: 'POST', headers: ['Content-Length: 4'], body: 'once' });
const UPLOAD = request('/upload', { method: 'POST', headers: ['Content-Length: 12'], body: 'half' });
const WEB_SOCKET = request('/api/v1/streaming', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] });

/** A client that stays connected after the FIN of the router. */
function client(fixture: RouterFixture): RawConnection {
  return fixture.client({ allowHalfOpen: true });
}

/** Closes the connection. Afterwards the router has read and dropped everything sent on it. */
async function closeDropped(sent: RawConnection): Promise<void> {
  sent.socket.end();
  await sent.closed();
  expect(sent.error).toBeNull();
}

test.each([
  ['a request', POST_B],
  ['an upgrade', WEB_SOCKET],
])('%s behind a response with Connection: close is not forwarded while that is sent', async (_, behind) => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const [puma, streaming] = [new FakeUpstream(fixture.pumaSocket), new FakeUpstream(fixture.streamingSocket)];
  const sent = client(fixture).send(GET_A);
  const server = await puma.awaitRequest();
  fixture.stop();
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
  await sent.until(/Connection: close\r\n[^]*half$/);
  sent.send(behind);
  await probe(fixture, puma);
  server.send('more');
  await eventually(() => expect(sent.hasEnded).toBe(true));
  await closeDropped(sent);
  expect(sent.received).toMatch(/halfmore$/);
  expect(targets(puma)).toEqual(['GET /a', 'GET /probe']);
  expect(streaming.requests).toEqual([]);
});

test.each([
  ['a request', POST_B],
  ['an upgrade', WEB_SOCKET],
])('%s behind a response with Connection: close is not forwarded after it', async (_, behind) => {
  const fixture = await startRouter({ clock: new FakeClock() });
  const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
  const streaming = new FakeUpstream(fixture.streamingSocket);
  fixture.stop();
  const sent = client(fixture).send(GET_A);
  await eventually(() => expect(sent.hasEnded).toBe(true));
  sent.send(behind);
  await closeDropped(sent);
  expect(targets(puma)).toEqual(['GET /a']);
  expect(streaming.requests).toEqual([]);
});

test('a request behind a rejected upload is not forwarded', async () => {
  const fixture = await startRouter();
  const puma = new FakeUpstream(fixture.pumaSocket);
  const sent = client(fixture).send(UPLOAD);
  const server = await puma.awaitConnection();
  await server.until('half');
  server.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig');
  await eventually(() => expect(sent.hasEnded).toBe(true));
  sent.send(`and more${POST_B}`);
  await closeDropped(sent);
  expect(sent.received).toMatch(/big$/);
  expect(targets(puma)).toEqual(['POST /upload']);
});

test('responses that a slow client has not read yet are not truncated by a shutdown', async () => {
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
  fixture.stop();
  await clock.advance(DRAIN_GRACE_MS);
  await clock.advance(DRAIN_GRACE_MS);
  sent.socket.resume();
  await eventually(() => expect(sent.hasEnded).toBe(true));
  const responses = parseResponses(sent.received);
  expect(responses.length).toBeGreaterThanOrEqual(before);
  expect(responses.every((response) => response.isComplete === true && response.body === body)).toBe(true);
});

test('a health check of an idle streaming gets Connection: close during a shutdown', async () => {
  const fixture = await startRouter({ streaming: 'on-demand', ready: ['puma'] });
  fixture.stop();
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

/** Serves another request. Afterwards the router has handled everything sent to it before. */
async function probe(fixture: RouterFixture, puma: FakeUpstream): Promise<void> {
  const sent = fixture.client().send(request('/probe'));
  const server = await puma.awaitRequest(puma.connections.length);
  server.send(plainResponse('ok'));
  await awaitResponse(sent);
}
