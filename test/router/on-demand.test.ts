import { beforeEach, describe, expect, test } from 'vitest';
import { QUEUE_TIMEOUT_MS, REJECT_FOR_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, headerOf } from './messages.ts';
import { awaitResponses, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, FakeUpstream } from './fake-upstream.ts';

const API = '/api/v1/streaming';
const demandStarted = { type: 'demand-started', child: 'streaming' };
const demandEnded = { type: 'demand-ended', child: 'streaming' };
const echoing = (path: string): FakeUpstream => respondingUpstream(path, (message) => plainResponse(targetOf(message)));

let fixture: RouterFixture;
let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

async function start(ready: readonly ('puma' | 'streaming')[] = ['puma']): Promise<void> {
  fixture = await startRouter({ clock, streaming: 'on-demand', ready });
}

async function expectCommands(...commands: readonly object[]): Promise<void> {
  await eventually(() => expect(fixture.commands).toEqual(commands));
}

test('the first request demands streaming, and all are served once it is ready', async () => {
  await start();
  const first = fixture.client().send(request(`${API}/user`));
  await expectCommands(demandStarted);
  const second = fixture.client().send(request(`${API}/public`));
  await eventually(() => expect(clock.pendingTimers).toBe(2));
  const streaming = new FakeUpstream(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  await eventually(() => expect(streaming.requests.map(targetOf).sort()).toEqual([`${API}/public`, `${API}/user`]));
  for (const connection of streaming.connections) connection.send(plainResponse('ok'));
  for (const client of [first, second]) await awaitResponse(client);
  await expectCommands(demandStarted, demandEnded);
});

test('requests for puma, rejected upgrades and similar paths do not demand streaming', async () => {
  await start();
  echoing(fixture.pumaSocket);
  const client = fixture.client();
  const targets = ['/', '/metrics', `${API}x`, `${API}/../metrics`, `${API}//`, `${API}/%2e`, `http://a.example${API}`];
  client.send(targets.map((target) => request(target)).join(''));
  await awaitResponses(client, targets.length);
  const upgrade = fixture
    .client()
    .send(request('/metrics', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] }));
  await upgrade.closed();
  expect(fixture.commands).toEqual([]);
});

test('the demand ends with the last request, and the next request begins a new one', async () => {
  await start(['puma', 'streaming']);
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const clients = ['/a', '/b'].map((path) => fixture.client().send(request(API + path)));
  await eventually(() => expect(streaming.requests).toHaveLength(2));
  expect(fixture.commands).toEqual([demandStarted]);
  clients[0]?.socket.destroy();
  await eventually(() => expect(streaming.openConnections).toBe(1));
  expect(fixture.commands).toEqual([demandStarted]);
  clients[1]?.socket.destroy();
  await expectCommands(demandStarted, demandEnded);
  fixture.client().send(request(`${API}/c`));
  await expectCommands(demandStarted, demandEnded, demandStarted);
});

test('a queued request repeats its demand when streaming exits before it was ready', async () => {
  await start();
  const client = fixture.client().send(request(API));
  await expectCommands(demandStarted);
  fixture.started('streaming');
  fixture.exited('streaming');
  await expectCommands(demandStarted, demandStarted);
  client.socket.destroy();
  await expectCommands(demandStarted, demandStarted, demandEnded);
});

test.each(['disconnects', 'times out'])('the demand ends when the only client %s', async (how) => {
  await start();
  const client = fixture.client().send(request(API));
  await expectCommands(demandStarted);
  if (how === 'disconnects') client.socket.destroy();
  else await clock.advance(QUEUE_TIMEOUT_MS);
  await expectCommands(demandStarted, demandEnded);
  expect(clock.pendingTimers).toBe(0);
});

test('a request that arrives while streaming stops is served after the next start', async () => {
  await start(['puma', 'streaming']);
  fixture.changed('streaming', 'stopping');
  const client = fixture.client().send(request(API));
  await expectCommands(demandStarted);
  fixture.exited('streaming');
  await expectCommands(demandStarted, demandStarted);
  echoing(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(client))).toBe(200);
});

test('a denied start rejects queued requests and new ones for 5 s', async () => {
  await start();
  const waiting = fixture.client().send(request(API));
  await expectCommands(demandStarted);
  fixture.tell({ type: 'start-denied', child: 'streaming', reason: 'memory is short' });
  const soon = fixture.client().send(request(API));
  for (const client of [waiting, soon]) {
    const response = await awaitResponse(client);
    expect(statusOf(response)).toBe(503);
    expect(Number(headerOf(response, 'retry-after'))).toBeGreaterThan(0);
  }
  await clock.advance(REJECT_FOR_MS);
  const later = fixture.client().send(request(API));
  await eventually(() => expect(clock.pendingTimers).toBe(1));
  echoing(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(later))).toBe(200);
});

describe('a health check', () => {
  test.each(['GET', 'HEAD'])(
    '%s: gets its OK from the router while streaming is down, without a demand',
    async (method) => {
      await start();
      const response = await awaitResponse(fixture.client().send(request(`${API}/health`, { method })), method);
      expect(response.start).toBe('HTTP/1.1 200 OK');
      expect(response.headers).toContainEqual(['X-Mstdn-Supervise', 'streaming starts on demand']);
      expect(response.headers).toContainEqual(['Content-Length', '2']);
      expect(response.body).toBe(method === 'HEAD' ? '' : 'OK');
      expect(fixture.commands).toEqual([]);
    },
  );

  test('gets its OK with a query too, and while streaming starts', async () => {
    await start();
    fixture.started('streaming');
    const client = fixture.client().send(request(`${API}/health?a=b`));
    expect((await awaitResponse(client)).body).toBe('OK');
    expect(fixture.commands).toEqual([]);
  });

  test.each(['GET', 'HEAD'])('%s: is forwarded while streaming is ready, and is no demand', async (method) => {
    await start(['puma', 'streaming']);
    respondingUpstream(fixture.streamingSocket, () =>
      method === 'HEAD' ? plainResponse('').replace('0', '7') : plainResponse('own ok'),
    );
    const client = fixture.client().send(request(`${API}/health`, { method }));
    const response = await awaitResponse(client, method);
    expect(response.body).toBe(method === 'HEAD' ? '' : 'own ok');
    expect(response.headers.map(([name]) => name)).not.toContain('X-Mstdn-Supervise');
    client.socket.destroy();
    await clock.advance(10_000);
    expect(fixture.commands).toEqual([]);
  });

  test.each([`${API}/health/`, `${API}/healthy`, `${API}/health/x`, API])('is not a request for %s', async (target) => {
    await start();
    fixture.client().send(request(target));
    await expectCommands(demandStarted);
  });

  test('is not a POST', async () => {
    await start();
    fixture.client().send(request(`${API}/health`, { method: 'POST' }));
    await expectCommands(demandStarted);
  });

  test('is an ordinary request if streaming always runs', async () => {
    fixture = await startRouter({ clock, streaming: 'inline', ready: ['puma'] });
    const client = fixture.client().send(request(`${API}/health`));
    await eventually(() => expect(clock.pendingTimers).toBe(1));
    echoing(fixture.streamingSocket);
    fixture.ready('streaming');
    expect((await awaitResponse(client)).body).toBe(`${API}/health`);
    expect(fixture.commands).toEqual([]);
  });
});

test('without streaming, puma gets all requests', async () => {
  fixture = await startRouter({ clock, streaming: null, ready: ['puma'] });
  echoing(fixture.pumaSocket);
  expect((await awaitResponse(fixture.client().send(request(API)))).body).toBe(API);
});
