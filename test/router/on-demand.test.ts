import { beforeEach, describe, expect, test } from 'vitest';
import { HOLD_AT_MOST_MS, REFUSED_FOR_MS } from '../../src/router/limits.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { statusOf, targetOf, valueOf } from './messages.ts';
import { repliesOn, replyOn } from './replies.ts';
import { request, startRouter, type Rig } from './rig.ts';
import { answering, plain, Upstream } from './upstream.ts';

const API = '/api/v1/streaming';
const wanted = (shortage: string | null = null) => ({ type: 'wanted', child: 'streaming', shortage });
const unwanted = { type: 'unwanted', child: 'streaming' };
const echoing = (path: string): Upstream => answering(path, (asked) => plain(targetOf(asked)));

let rig: Rig;
let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

async function start(up: readonly ('puma' | 'streaming')[] = ['puma']): Promise<void> {
  rig = await startRouter({ clock, streaming: 'on-demand', up });
}

async function asks(...demands: readonly object[]): Promise<void> {
  await eventually(() => expect(rig.demands).toEqual(demands));
}

test('the first request wants it, those that follow do not, and each is answered once it is up', async () => {
  await start();
  const first = rig.client().send(request(`${API}/user`));
  await asks(wanted());
  const second = rig.client().send(request(`${API}/public`));
  await eventually(() => expect(clock.left).toBe(2));
  const streaming = new Upstream(rig.streamingSocket);
  rig.started('streaming');
  rig.ready('streaming');
  await eventually(() => expect(streaming.requests.map(targetOf).sort()).toEqual([`${API}/public`, `${API}/user`]));
  for (const wire of streaming.wires) wire.send(plain('ok'));
  for (const client of [first, second]) await replyOn(client);
  await asks(wanted(), unwanted);
});

test('nobody else wants it: not puma, not a refused upgrade, not what looks like its paths', async () => {
  await start();
  echoing(rig.pumaSocket);
  const client = rig.client();
  const targets = ['/', '/metrics', `${API}x`, `${API}/../metrics`, `${API}//`, `${API}/%2e`, `http://a.example${API}`];
  client.send(targets.map((target) => request(target)).join(''));
  await repliesOn(client, targets.length);
  const upgrade = rig.client().send(request('/metrics', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] }));
  await upgrade.closed();
  expect(rig.demands).toEqual([]);
});

test('it is unwanted when the last has left, and wanted again by the next', async () => {
  await start(['puma', 'streaming']);
  const streaming = new Upstream(rig.streamingSocket);
  const clients = ['/a', '/b'].map((path) => rig.client().send(request(API + path)));
  await eventually(() => expect(streaming.requests).toHaveLength(2));
  expect(rig.demands).toEqual([wanted()]);
  clients[0]?.socket.destroy();
  await eventually(() => expect(streaming.open).toBe(1));
  expect(rig.demands).toEqual([wanted()]);
  clients[1]?.socket.destroy();
  await asks(wanted(), unwanted);
  rig.client().send(request(`${API}/c`));
  await asks(wanted(), unwanted, wanted());
});

test('a request that waits wants it even when it ends before it was up', async () => {
  await start();
  const client = rig.client().send(request(API));
  await asks(wanted());
  rig.started('streaming');
  rig.ended('streaming');
  await asks(wanted(), wanted());
  client.socket.destroy();
  await asks(wanted(), wanted(), unwanted);
});

test.each(['leaves', 'has waited in vain'])('it is unwanted when the only one %s', async (how) => {
  await start();
  const client = rig.client().send(request(API));
  await asks(wanted());
  if (how === 'leaves') client.socket.destroy();
  else await clock.advance(HOLD_AT_MOST_MS);
  await asks(wanted(), unwanted);
  expect(clock.left).toBe(0);
});

test('a request while it stops waits for the next start', async () => {
  await start(['puma', 'streaming']);
  rig.router.hear({ fact: 'resting', child: 'streaming', idleMs: 900_000 });
  const client = rig.client().send(request(API));
  await asks(wanted());
  rig.ended('streaming');
  await asks(wanted(), wanted());
  echoing(rig.streamingSocket);
  rig.started('streaming');
  rig.ready('streaming');
  expect(statusOf(await replyOn(client))).toBe(200);
});

test('a want says why there is no memory for it', async () => {
  await start();
  rig.shortage = '480 MB of 512 MB are in use';
  rig.client().send(request(API));
  await asks(wanted('480 MB of 512 MB are in use'));
});

test('one that is not started: who waits is turned away, who comes soon as well, who comes later waits', async () => {
  await start();
  const waiting = rig.client().send(request(API));
  await asks(wanted());
  rig.router.hear({ fact: 'not-woken', child: 'streaming', why: 'memory is short' });
  const soon = rig.client().send(request(API));
  for (const client of [waiting, soon]) {
    const reply = await replyOn(client);
    expect(statusOf(reply)).toBe(503);
    expect(Number(valueOf(reply, 'retry-after'))).toBeGreaterThan(0);
  }
  await clock.advance(REFUSED_FOR_MS);
  const later = rig.client().send(request(API));
  await eventually(() => expect(clock.left).toBe(1));
  echoing(rig.streamingSocket);
  rig.started('streaming');
  rig.ready('streaming');
  expect(statusOf(await replyOn(later))).toBe(200);
});

describe('a monitor', () => {
  test.each(['GET', 'HEAD'])('gets its OK from us while it is down, with %s, and wakes nobody', async (method) => {
    await start();
    const reply = await replyOn(rig.client().send(request(`${API}/health`, { method })), method);
    expect(reply.start).toBe('HTTP/1.1 200 OK');
    expect(reply.headers).toContainEqual(['X-Mstdn-Supervise', 'streaming is asleep']);
    expect(reply.headers).toContainEqual(['Content-Length', '2']);
    expect(reply.body).toBe(method === 'HEAD' ? '' : 'OK');
    expect(rig.demands).toEqual([]);
  });

  test('gets it with a query too, and while it starts or stops', async () => {
    await start();
    rig.started('streaming');
    const client = rig.client().send(request(`${API}/health?a=b`));
    expect((await replyOn(client)).body).toBe('OK');
    expect(rig.demands).toEqual([]);
  });

  test.each(['GET', 'HEAD'])(
    'gets its answer from streaming while it is up, with %s, and does not count',
    async (method) => {
      await start(['puma', 'streaming']);
      answering(rig.streamingSocket, () => (method === 'HEAD' ? plain('').replace('0', '7') : plain('its own')));
      const client = rig.client().send(request(`${API}/health`, { method }));
      const reply = await replyOn(client, method);
      expect(reply.body).toBe(method === 'HEAD' ? '' : 'its own');
      expect(reply.headers.map(([name]) => name)).not.toContain('X-Mstdn-Supervise');
      client.socket.destroy();
      await clock.advance(10_000);
      expect(rig.demands).toEqual([]);
    },
  );

  test.each([`${API}/health/`, `${API}/healthy`, `${API}/health/x`, API])('is not who asks for %s', async (target) => {
    await start();
    rig.client().send(request(target));
    await asks(wanted());
  });

  test('is not who posts', async () => {
    await start();
    rig.client().send(request(`${API}/health`, { method: 'POST' }));
    await asks(wanted());
  });

  test('of a streaming that is always there is nothing special', async () => {
    rig = await startRouter({ clock, streaming: 'inline', up: ['puma'] });
    const client = rig.client().send(request(`${API}/health`));
    await eventually(() => expect(clock.left).toBe(1));
    echoing(rig.streamingSocket);
    rig.ready('streaming');
    expect((await replyOn(client)).body).toBe(`${API}/health`);
    expect(rig.demands).toEqual([]);
  });
});

test('without streaming everything is for puma', async () => {
  rig = await startRouter({ clock, streaming: null, up: ['puma'] });
  echoing(rig.pumaSocket);
  expect((await replyOn(rig.client().send(request(API)))).body).toBe(API);
});
