import { expect, test } from 'vitest';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { MB, Producer } from './streams.ts';
import { statusOf } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { API, requestUpgrade, ACCEPTED, openWebSocket } from './websocket-fixture.ts';
import { plainResponse, FakeUpstream } from './fake-upstream.ts';
import type { RawConnection } from './raw-client.ts';

/** From the FIN of one end to the end of both. */
const HALF_CLOSED_MS = 10_000;
/** From the request for an upgrade to 504. */
const UPGRADE_MS = 25_000;
/** 120 s, after a look every 30 s has seen that nothing moves. */
const STALLED_MS = 150_000;

/** As a process behaves that is stopped by SIGSTOP: it does not answer FIN with its own. */
function likeStopped({ socket }: RawConnection): void {
  socket.allowHalfOpen = true;
}

/** Streaming counts as unused: its idle time runs. */
async function isUnused(fixture: RouterFixture): Promise<void> {
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'unwanted', child: 'streaming' }), 5000);
}

/** The router has closed its connection to an upstream that is like a stopped one: that notices at its next write. */
async function isAbandoned(server: RawConnection): Promise<void> {
  await eventually(() => {
    if (!server.isClosed) server.send('x');
    expect(server.isClosed).toBe(true);
  }, 5000);
}

function isUsed(fixture: RouterFixture): void {
  expect(fixture.commands.at(-1)).toMatchObject({ type: 'wanted' });
}

test('a client sends FIN and the upstream does not react: both ends close after 10 s', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  client.socket.allowHalfOpen = true;
  client.socket.end();
  await eventually(() => expect(server.hasEnded).toBe(true));
  await clock.advance(HALF_CLOSED_MS - 1);
  expect([client.isClosed, server.isClosed]).toEqual([false, false]);
  isUsed(fixture);
  await clock.advance(1);
  await isAbandoned(server);
  await client.closed();
  await isUnused(fixture);
  expect(clock.left).toBe(0);
});

test('data that still flows towards a client after its FIN does not prolong that time', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  client.socket.allowHalfOpen = true;
  client.socket.end();
  await eventually(() => expect(server.hasEnded).toBe(true));
  for (let second = 1; second < 10; second += 1) {
    server.send(`second ${second}`);
    await client.until(`second ${second}`);
    await clock.advance(1000);
  }
  isUsed(fixture);
  await clock.advance(1000);
  await isAbandoned(server);
  await client.closed();
  await isUnused(fixture);
});

test('an upstream sends FIN and does not take what the client sends: both ends close after 10 s', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  server.socket.pause();
  await new Producer(client.socket, 99 * MB).stalled();
  server.socket.end();
  await eventually(() => expect(client.hasEnded).toBe(true));
  expect(server.isClosed).toBe(false);
  await clock.advance(HALF_CLOSED_MS);
  await isUnused(fixture);
  await client.closed();
});

test('an upstream goes away behind a client that reads nothing: the client is cut off as that of a response is', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock });
  client.socket.pause();
  await new Producer(server.socket, 99 * MB).stalled();
  server.socket.destroy();
  await clock.advance(STALLED_MS - 1);
  isUsed(fixture);
  await clock.advance(1);
  await isUnused(fixture);
  client.socket.resume();
  await client.closed();
  expect(clock.left).toBe(0);
});

test('a FIN behind data that the upstream does not take is not seen: the same limit ends it', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  server.socket.pause();
  const producer = new Producer(client.socket, 99 * MB);
  await producer.stalled();
  client.socket.end();
  await clock.advance(STALLED_MS - 1);
  isUsed(fixture);
  await clock.advance(1);
  await isUnused(fixture);
  await client.closed();
});

test('the last words of an upstream go to a slow client for as long as it takes some of them', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock });
  client.socket.pause();
  const producer = new Producer(server.socket, 16 * MB);
  await producer.stalled();
  void producer.done.then(() => server.send('bye').socket.end());
  await clock.advance(STALLED_MS - 30_000);
  client.socket.resume();
  await client.closed();
  expect(client.received).toHaveLength(16 * MB + ACCEPTED.length + 'bye'.length);
  await isUnused(fixture);
  expect(clock.left).toBe(0);
});

test('a WebSocket on which data has waited, and goes on, is watched no more', async () => {
  const clock = new FakeClock();
  const { client, server } = await openWebSocket({ clock });
  client.socket.pause();
  const producer = new Producer(server.socket, 16 * MB);
  await producer.stalled();
  expect(clock.left).toBe(1);
  client.socket.resume();
  await producer.done;
  await eventually(() => expect(clock.left).toBe(0));
  await clock.advance(3_600_000);
  expect([client.isClosed, server.isClosed]).toEqual([false, false]);
});

test('an upgrade that the upstream does not answer: 504 after 25 s, and a line in the log', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock, onConnection: likeStopped });
  await clock.advance(UPGRADE_MS - 1);
  expect(client.received).toBe('');
  isUsed(fixture);
  await clock.advance(1);
  expect(statusOf(await awaitResponse(client))).toBe(504);
  await isAbandoned(server);
  await client.closed();
  await isUnused(fixture);
  expect(fixture.warnings).toMatchObject([
    { child: 'streaming', why: 'did not respond to a WebSocket upgrade within 25 s' },
  ]);
});

test('an upgrade whose refusal breaks off in its middle: 504 after the same time', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock, onConnection: likeStopped });
  server.send('HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nhalf of');
  await clock.advance(UPGRADE_MS - 1);
  expect(client.received).toBe('');
  await clock.advance(1);
  expect(statusOf(await awaitResponse(client))).toBe(504);
  await isUnused(fixture);
});

test.each([
  ['granted', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 101],
  ['refused', plainResponse('no', '401 Unauthorized'), 401],
])('an upgrade that is %s in time leaves no time limit behind', async (_, answer, status) => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock });
  await clock.advance(UPGRADE_MS - 1);
  server.send(answer);
  await client.until(`HTTP/1.1 ${status} `);
  client.socket.destroy();
  await isUnused(fixture);
  await eventually(() => expect(clock.left).toBe(0));
});

test('an ordinary request to an upstream that does not answer ends with the FIN of its client', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  const streaming = new FakeUpstream(fixture.streamingSocket, likeStopped);
  const client = fixture.client();
  client.socket.allowHalfOpen = true;
  client.send(request(`${API}/public`));
  const server = await streaming.awaitRequest();
  client.socket.end();
  await isAbandoned(server);
  await isUnused(fixture);
});
