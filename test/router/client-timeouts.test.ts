import { expect, test } from 'vitest';
import { ClientTimeouts, type ClientTransfer } from '../../src/router/client-timeouts.ts';
import { FakeClock } from '../fakes/clock.ts';

class FakeTransfer implements ClientTransfer {
  received = 0;
  isReceiving = true;
  stalledAt: number | null = null;
  isTimedOut = false;
  timeOut(): void {
    this.isTimedOut = true;
  }
}

function watched(change: Partial<FakeTransfer> = {}) {
  const clock = new FakeClock();
  const timeouts = new ClientTimeouts(clock);
  const transfer = Object.assign(new FakeTransfer(), change);
  timeouts.watch(transfer);
  return { clock, timeouts, transfer };
}

test.each([
  [1023, true],
  [1024, false],
])('an upload of %i bytes in 30 s times out: %s', async (bytes, isTimedOut) => {
  const { clock, transfer } = watched();
  transfer.received += 5000;
  await clock.advance(30_000);
  transfer.received += bytes;
  await clock.advance(30_000);
  expect(transfer.isTimedOut).toBe(isTimedOut);
});

test('an upload that waits for its upstream does not time out', async () => {
  const { clock, transfer } = watched({ isReceiving: false });
  await clock.advance(300_000);
  expect(transfer.isTimedOut).toBe(false);
});

test('a response of which nothing is read times out', async () => {
  const { clock, transfer } = watched({ isReceiving: false, stalledAt: 7 });
  await clock.advance(149_999);
  expect(transfer.isTimedOut).toBe(false);
  await clock.advance(1);
  expect(transfer.isTimedOut).toBe(true);
});

test('a response that is read a little now and then does not time out', async () => {
  const { clock, transfer } = watched({ isReceiving: false, stalledAt: 7 });
  for (let minute = 0; minute < 20; minute += 1) {
    transfer.stalledAt = 7 + Math.floor(minute / 4);
    await clock.advance(30_000);
  }
  expect(transfer.isTimedOut).toBe(false);
});

test('no timer runs without a watched transfer', () => {
  const { clock, timeouts, transfer } = watched();
  expect(clock.pendingTimers).toBe(1);
  timeouts.unwatch(transfer);
  expect(clock.pendingTimers).toBe(0);
});

test('during a shutdown, a stalled response times out after 5 s', async () => {
  const { clock, timeouts, transfer } = watched({ isReceiving: false, stalledAt: 7 });
  await clock.advance(29_000);
  timeouts.shorten();
  await clock.advance(4000);
  expect(transfer.isTimedOut).toBe(false);
  await clock.advance(3000);
  expect(transfer.isTimedOut).toBe(true);
});

test('during a shutdown, an upload keeps its time', async () => {
  const { clock, timeouts, transfer } = watched();
  timeouts.shorten();
  await clock.advance(29_000);
  expect(transfer.isTimedOut).toBe(false);
});
