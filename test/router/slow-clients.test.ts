import { expect, test } from 'vitest';
import { SlowClients, type Watched } from '../../src/router/slow-clients.ts';
import { FakeClock } from '../fakes/clock.ts';

class Client implements Watched {
  received = 0;
  isReceiving = true;
  stalledAt: number | null = null;
  givenUp = false;
  giveUp(): void {
    this.givenUp = true;
  }
}

function watched(change: Partial<Client> = {}) {
  const clock = new FakeClock();
  const slow = new SlowClients(clock);
  const client = Object.assign(new Client(), change);
  slow.watch(client);
  return { clock, slow, client };
}

test('a body that trickles is given up, one of a slow but honest client is not', async () => {
  for (const [bytes, isGivenUp] of [
    [1023, true],
    [1024, false],
  ] as const) {
    const { clock, client } = watched();
    client.received += 5000;
    await clock.advance(30_000);
    client.received += bytes;
    await clock.advance(30_000);
    expect(client.givenUp).toBe(isGivenUp);
  }
});

test('a body that the upstream does not take is not the fault of its client', async () => {
  const { clock, client } = watched({ isReceiving: false });
  await clock.advance(300_000);
  expect(client.givenUp).toBe(false);
});

test('a reply of which nothing is taken for minutes is given up', async () => {
  const { clock, client } = watched({ isReceiving: false, stalledAt: 7 });
  await clock.advance(149_999);
  expect(client.givenUp).toBe(false);
  await clock.advance(1);
  expect(client.givenUp).toBe(true);
});

test('a client that takes a little now and then is none of these', async () => {
  const { clock, client } = watched({ isReceiving: false, stalledAt: 7 });
  for (let minute = 0; minute < 20; minute += 1) {
    client.stalledAt = 7 + Math.floor(minute / 4);
    await clock.advance(30_000);
  }
  expect(client.givenUp).toBe(false);
});

test('nobody to watch, no timer', () => {
  const { clock, slow, client } = watched();
  expect(clock.left).toBe(1);
  slow.forget(client);
  expect(clock.left).toBe(0);
});

test('while stopping, who takes nothing has five seconds; who still sends has its time', async () => {
  const { clock, slow, client } = watched({ isReceiving: false, stalledAt: 7 });
  await clock.advance(29_000);
  slow.hurry();
  await clock.advance(4000);
  expect(client.givenUp).toBe(false);
  await clock.advance(3000);
  expect(client.givenUp).toBe(true);
  const other = watched();
  other.slow.hurry();
  await other.clock.advance(29_000);
  expect(other.client.givenUp).toBe(false);
});
