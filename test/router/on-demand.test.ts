import { beforeEach, describe, expect, test } from 'vitest';
import { QUEUE_TIMEOUT_MS, REJECT_FOR_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, headerOf } from './messages.ts';
import { awaitResponses, awaitResponse } from './responses.ts';
import { request, startRouter, type RouterFixture } from './router-fixture.ts';
import { respondingUpstream, plainResponse, FakeUpstream } from './fake-upstream.ts';

const API = '/api/v1/streaming';
const wanted = (shortage: string | null = null) => ({ type: 'wanted', child: 'streaming', shortage });
const unwanted = { type: 'unwanted', child: 'streaming' };
const echoing = (path: string): FakeUpstream => respondingUpstream(path, (asked) => plainResponse(targetOf(asked)));

let fixture: RouterFixture;
let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

async function start(up: readonly ('puma' | 'streaming')[] = ['puma']): Promise<void> {
  fixture = await startRouter({ clock, streaming: 'on-demand', ready: up });
}

async function asks(...commands: readonly object[]): Promise<void> {
  await eventually(() => expect(fixture.commands).toEqual(commands));
}

test('the first request wants it, those that follow do not, and each is answered once it is up', async () => {
  await start();
  const first = fixture.client().send(request(`${API}/user`));
  await asks(wanted());
  const second = fixture.client().send(request(`${API}/public`));
  await eventually(() => expect(clock.left).toBe(2));
  const streaming = new FakeUpstream(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  await eventually(() => expect(streaming.requests.map(targetOf).sort()).toEqual([`${API}/public`, `${API}/user`]));
  for (const connection of streaming.connections) connection.send(plainResponse('ok'));
  for (const client of [first, second]) await awaitResponse(client);
  await asks(wanted(), unwanted);
});

test('nobody else wants it: not puma, not a refused upgrade, not what looks like its paths', async () => {
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

test('it is unwanted when the last has left, and wanted again by the next', async () => {
  await start(['puma', 'streaming']);
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const clients = ['/a', '/b'].map((path) => fixture.client().send(request(API + path)));
  await eventually(() => expect(streaming.requests).toHaveLength(2));
  expect(fixture.commands).toEqual([wanted()]);
  clients[0]?.socket.destroy();
  await eventually(() => expect(streaming.openConnections).toBe(1));
  expect(fixture.commands).toEqual([wanted()]);
  clients[1]?.socket.destroy();
  await asks(wanted(), unwanted);
  fixture.client().send(request(`${API}/c`));
  await asks(wanted(), unwanted, wanted());
});

test('a request that waits wants it even when it ends before it was up', async () => {
  await start();
  const client = fixture.client().send(request(API));
  await asks(wanted());
  fixture.started('streaming');
  fixture.exited('streaming');
  await asks(wanted(), wanted());
  client.socket.destroy();
  await asks(wanted(), wanted(), unwanted);
});

test.each(['leaves', 'has waited in vain'])('it is unwanted when the only one %s', async (how) => {
  await start();
  const client = fixture.client().send(request(API));
  await asks(wanted());
  if (how === 'leaves') client.socket.destroy();
  else await clock.advance(QUEUE_TIMEOUT_MS);
  await asks(wanted(), unwanted);
  expect(clock.left).toBe(0);
});

test('a request while it stops waits for the next start', async () => {
  await start(['puma', 'streaming']);
  fixture.router.onEvent({ fact: 'resting', child: 'streaming', idleMs: 900_000 });
  const client = fixture.client().send(request(API));
  await asks(wanted());
  fixture.exited('streaming');
  await asks(wanted(), wanted());
  echoing(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(client))).toBe(200);
});

test('a want says why there is no memory for it', async () => {
  await start();
  fixture.shortage = '480 MB of 512 MB are in use';
  fixture.client().send(request(API));
  await asks(wanted('480 MB of 512 MB are in use'));
});

test('one that is not started: who waits is turned away, who comes soon as well, who comes later waits', async () => {
  await start();
  const waiting = fixture.client().send(request(API));
  await asks(wanted());
  fixture.router.onEvent({ fact: 'not-woken', child: 'streaming', why: 'memory is short' });
  const soon = fixture.client().send(request(API));
  for (const client of [waiting, soon]) {
    const response = await awaitResponse(client);
    expect(statusOf(response)).toBe(503);
    expect(Number(headerOf(response, 'retry-after'))).toBeGreaterThan(0);
  }
  await clock.advance(REJECT_FOR_MS);
  const later = fixture.client().send(request(API));
  await eventually(() => expect(clock.left).toBe(1));
  echoing(fixture.streamingSocket);
  fixture.started('streaming');
  fixture.ready('streaming');
  expect(statusOf(await awaitResponse(later))).toBe(200);
});

describe('a monitor', () => {
  test.each(['GET', 'HEAD'])('gets its OK from us while it is down, with %s, and wakes nobody', async (method) => {
    await start();
    const response = await awaitResponse(fixture.client().send(request(`${API}/health`, { method })), method);
    expect(response.start).toBe('HTTP/1.1 200 OK');
    expect(response.headers).toContainEqual(['X-Mstdn-Supervise', 'streaming starts on demand']);
    expect(response.headers).toContainEqual(['Content-Length', '2']);
    expect(response.body).toBe(method === 'HEAD' ? '' : 'OK');
    expect(fixture.commands).toEqual([]);
  });

  test('gets it with a query too, and while it starts or stops', async () => {
    await start();
    fixture.started('streaming');
    const client = fixture.client().send(request(`${API}/health?a=b`));
    expect((await awaitResponse(client)).body).toBe('OK');
    expect(fixture.commands).toEqual([]);
  });

  test.each(['GET', 'HEAD'])(
    'gets its answer from streaming while it is up, with %s, and does not count',
    async (method) => {
      await start(['puma', 'streaming']);
      respondingUpstream(fixture.streamingSocket, () =>
        method === 'HEAD' ? plainResponse('').replace('0', '7') : plainResponse('its own'),
      );
      const client = fixture.client().send(request(`${API}/health`, { method }));
      const response = await awaitResponse(client, method);
      expect(response.body).toBe(method === 'HEAD' ? '' : 'its own');
      expect(response.headers.map(([name]) => name)).not.toContain('X-Mstdn-Supervise');
      client.socket.destroy();
      await clock.advance(10_000);
      expect(fixture.commands).toEqual([]);
    },
  );

  test.each([`${API}/health/`, `${API}/healthy`, `${API}/health/x`, API])('is not who asks for %s', async (target) => {
    await start();
    fixture.client().send(request(target));
    await asks(wanted());
  });

  test('is not who posts', async () => {
    await start();
    fixture.client().send(request(`${API}/health`, { method: 'POST' }));
    await asks(wanted());
  });

  test('of a streaming that is always there is nothing special', async () => {
    fixture = await startRouter({ clock, streaming: 'inline', ready: ['puma'] });
    const client = fixture.client().send(request(`${API}/health`));
    await eventually(() => expect(clock.left).toBe(1));
    echoing(fixture.streamingSocket);
    fixture.ready('streaming');
    expect((await awaitResponse(client)).body).toBe(`${API}/health`);
    expect(fixture.commands).toEqual([]);
  });
});

test('without streaming everything is for puma', async () => {
  fixture = await startRouter({ clock, streaming: null, ready: ['puma'] });
  echoing(fixture.pumaSocket);
  expect((await awaitResponse(fixture.client().send(request(API)))).body).toBe(API);
});
