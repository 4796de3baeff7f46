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

/** From the FIN of one end to the close of both. */
const HALF_CLOSE_MS = 10_000;
/** From the upgrade request to 504. */
const UPGRADE_MS = 25_000;
/** 120 s, counted from the first of the checks every 30 s that sees no progress. */
const STALLED_MS = 150_000;

/** Like a process stopped by SIGSTOP: it does not answer FIN with its own. */
function likeStopped({ socket }: RawConnection): void {
  socket.allowHalfOpen = true;
}

/** The demand for streaming has ended. */
async function expectNoDemand(fixture: RouterFixture): Promise<void> {
  await eventually(() => expect(fixture.commands.at(-1)).toEqual({ type: 'demand-ended', child: 'streaming' }), 5000);
}

/** The router has closed its connection to an upstream, which notices at its next write. */
async function expectClosed(server: RawConnection): Promise<void> {
  await eventually(() => {
    if (!server.isClosed) server.send('x');
    expect(server.isClosed).toBe(true);
  }, 5000);
}

function expectDemand(fixture: RouterFixture): void {
  expect(fixture.commands.at(-1)).toMatchObject({ type: 'demand-started' });
}

test('a client sends FIN and its upstream does not react: both close after 10 s', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  client.socket.allowHalfOpen = true;
  client.socket.end();
  await eventually(() => expect(server.hasEnded).toBe(true));
  await clock.advance(HALF_CLOSE_MS - 1);
  expect([client.isClosed, server.isClosed]).toEqual([false, false]);
  expectDemand(fixture);
  await clock.advance(1);
  await expectClosed(server);
  await client.closed();
  await expectNoDemand(fixture);
  expect(clock.pendingTimers).toBe(0);
});

test('data sent to a client after its FIN does not prolong that time', async () => {
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
  expectDemand(fixture);
  await clock.advance(1000);
  await expectClosed(server);
  await client.closed();
  await expectNoDemand(fixture);
});

test('an upstream sends FIN and does not read: both close after 10 s', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  server.socket.pause();
  await new Producer(client.socket, 99 * MB).stalled();
  server.socket.end();
  await eventually(() => expect(client.hasEnded).toBe(true));
  expect(server.isClosed).toBe(false);
  await clock.advance(HALF_CLOSE_MS);
  await expectNoDemand(fixture);
  await client.closed();
});

test('an upstream closes while its client does not read: the client times out as in a response', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock });
  client.socket.pause();
  await new Producer(server.socket, 99 * MB).stalled();
  server.socket.destroy();
  await clock.advance(STALLED_MS - 1);
  expectDemand(fixture);
  await clock.advance(1);
  await expectNoDemand(fixture);
  client.socket.resume();
  await client.closed();
  expect(clock.pendingTimers).toBe(0);
});

test('a FIN behind data that the upstream does not read is ended by the same limit', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await openWebSocket({ clock, onConnection: likeStopped });
  server.socket.pause();
  const producer = new Producer(client.socket, 99 * MB);
  await producer.stalled();
  client.socket.end();
  await clock.advance(STALLED_MS - 1);
  expectDemand(fixture);
  await clock.advance(1);
  await expectNoDemand(fixture);
  await client.closed();
});

test('a slow client gets the last bytes of an upstream as long as it makes progress', async () => {
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
  await expectNoDemand(fixture);
  expect(clock.pendingTimers).toBe(0);
});

test('a WebSocket that stalled and recovered has no timeout', async () => {
  const clock = new FakeClock();
  const { client, server } = await openWebSocket({ clock });
  client.socket.pause();
  const producer = new Producer(server.socket, 16 * MB);
  await producer.stalled();
  expect(clock.pendingTimers).toBe(1);
  client.socket.resume();
  await producer.done;
  await eventually(() => expect(clock.pendingTimers).toBe(0));
  await clock.advance(3_600_000);
  expect([client.isClosed, server.isClosed]).toEqual([false, false]);
});

test('an upgrade without a response gets 504 after 25 s, and a warning is logged', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock, onConnection: likeStopped });
  await clock.advance(UPGRADE_MS - 1);
  expect(client.received).toBe('');
  expectDemand(fixture);
  await clock.advance(1);
  expect(statusOf(await awaitResponse(client))).toBe(504);
  await expectClosed(server);
  await client.closed();
  await expectNoDemand(fixture);
  expect(fixture.warnings).toMatchObject([
    { child: 'streaming', reason: 'did not respond to a WebSocket upgrade within 25 s' },
  ]);
});

test('an upgrade whose rejection is incomplete gets 504 after 25 s', async () => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock, onConnection: likeStopped });
  server.send('HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nhalf of');
  await clock.advance(UPGRADE_MS - 1);
  expect(client.received).toBe('');
  await clock.advance(1);
  expect(statusOf(await awaitResponse(client))).toBe(504);
  await expectNoDemand(fixture);
});

test.each([
  ['accepted', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 101],
  ['rejected', plainResponse('no', '401 Unauthorized'), 401],
])('an upgrade %s in time leaves no timeout behind', async (_, response, status) => {
  const clock = new FakeClock();
  const { client, server, fixture } = await requestUpgrade({ clock });
  await clock.advance(UPGRADE_MS - 1);
  server.send(response);
  await client.until(`HTTP/1.1 ${status} `);
  client.socket.destroy();
  await expectNoDemand(fixture);
  await eventually(() => expect(clock.pendingTimers).toBe(0));
});

test('a request to an upstream that does not respond ends with the FIN of its client', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  const streaming = new FakeUpstream(fixture.streamingSocket, likeStopped);
  const client = fixture.client();
  client.socket.allowHalfOpen = true;
  client.send(request(`${API}/public`));
  const server = await streaming.awaitRequest();
  client.socket.end();
  await expectClosed(server);
  await expectNoDemand(fixture);
});
