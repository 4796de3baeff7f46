import { describe, expect, test } from 'vitest';
import type { DemandCommand } from '../../src/commands.ts';
import { Admission, type Waiter } from '../../src/router/admission.ts';
import { FakeClock } from '../fakes/clock.ts';

class FakeWaiter implements Waiter {
  outcome = 'queued';
  onReady(): void {
    this.outcome = 'admitted';
  }
  onRejected(reason: string): void {
    this.outcome = reason;
  }
}

function setUp({ onDemand = true } = {}) {
  const clock = new FakeClock();
  const commands: DemandCommand[] = [];
  const admission = new Admission({
    upstream: { child: 'streaming', socket: '/s', onDemand, maxKeptConnections: 0 },
    clock,
    sendCommand: (command) => void commands.push(command),
    onRelease: () => {},
  });
  const acquire = (): FakeWaiter => {
    const waiter = new FakeWaiter();
    admission.acquire(waiter);
    return waiter;
  };
  /** The commands sent since the last call. */
  const takeCommands = (): string[] => commands.splice(0).map(({ type }) => type);
  return { admission, clock, acquire, commands, takeCommands };
}

describe('while the upstream is not ready', () => {
  test('requests are queued until it is', () => {
    const { admission, acquire, clock } = setUp();
    const [first, second] = [acquire(), acquire()];
    expect(first.outcome).toBe('queued');
    admission.open();
    expect([first.outcome, second.outcome]).toEqual(['admitted', 'admitted']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a queued request is rejected after 25 s', async () => {
    const { admission, clock, acquire } = setUp();
    const waiter = acquire();
    await clock.advance(24_999);
    expect(waiter.outcome).toBe('queued');
    await clock.advance(1);
    expect(waiter.outcome).toBe('streaming was not ready within 25 s');
    admission.open();
    expect(waiter.outcome).toBe('streaming was not ready within 25 s');
  });

  test('the queue is bounded, and has room again after a release', () => {
    const { admission, acquire } = setUp();
    const waiters = Array.from({ length: 101 }, acquire);
    expect(waiters.filter(({ outcome }) => outcome === 'queued')).toHaveLength(100);
    expect(waiters.at(-1)?.outcome).toBe('100 requests are already waiting for streaming');
    admission.release(waiters[0]);
    expect(acquire().outcome).toBe('queued');
  });

  test('a released request is forgotten', () => {
    const { admission, acquire, clock } = setUp();
    const waiter = acquire();
    admission.release(waiter);
    admission.open();
    expect(waiter.outcome).toBe('queued');
    expect(admission.isEmpty).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('rejectQueued() rejects all queued requests, and new ones for the given time', async () => {
    const { admission, clock, acquire } = setUp();
    const waiter = acquire();
    admission.rejectQueued('memory 819 of 512 MB (160 %)', 5000);
    expect(waiter.outcome).toBe('memory 819 of 512 MB (160 %)');
    expect(acquire().outcome).toBe('streaming cannot start now');
    await clock.advance(5000);
    expect(acquire().outcome).toBe('queued');
  });

  test('rejectQueued() without a time queues new requests', () => {
    const { admission, acquire } = setUp();
    const waiter = acquire();
    admission.rejectQueued('stopping');
    expect([waiter.outcome, acquire().outcome]).toEqual(['stopping', 'queued']);
  });
});

describe('an upstream on demand', () => {
  test('is wanted by the first request, and unwanted after the last', () => {
    const { admission, acquire, takeCommands } = setUp();
    const [first, second] = [acquire(), acquire()];
    expect(takeCommands()).toEqual(['demand-started']);
    admission.open();
    expect(takeCommands()).toEqual([]);
    admission.release(first);
    admission.release(second);
    expect(takeCommands()).toEqual(['demand-ended']);
    admission.release(acquire());
    expect(takeCommands()).toEqual(['demand-started', 'demand-ended']);
  });

  test('is unwanted after the only queued request was rejected', async () => {
    const { clock, acquire, takeCommands } = setUp();
    acquire();
    await clock.advance(25_000);
    expect(takeCommands()).toEqual(['demand-started', 'demand-ended']);
  });

  test('there is a demand again by a request that is queued while earlier ones are active', () => {
    const { admission, acquire, takeCommands } = setUp();
    admission.open();
    const active = acquire();
    admission.pause();
    takeCommands();
    acquire();
    expect(takeCommands()).toEqual(['demand-started']);
    admission.release(active);
    expect(takeCommands()).toEqual([]);
  });

  test('there is a demand again by requestAgain() if requests are queued', () => {
    const { admission, acquire, takeCommands } = setUp();
    admission.requestAgain();
    expect(takeCommands()).toEqual([]);
    acquire();
    admission.requestAgain();
    expect(takeCommands()).toEqual(['demand-started', 'demand-started']);
  });
});

test('an upstream that always runs has no demand', () => {
  const { admission, acquire, takeCommands } = setUp({ onDemand: false });
  const waiter = acquire();
  admission.requestAgain();
  admission.open();
  admission.release(waiter);
  expect(takeCommands()).toEqual([]);
});

describe('drain()', () => {
  test('queues new requests, and reports that it is idle after the last active one', () => {
    const { admission, acquire, takeCommands } = setUp({ onDemand: false });
    admission.open();
    const active = acquire();
    admission.drain();
    const queued = acquire();
    expect([queued.outcome, takeCommands()]).toEqual(['queued', []]);
    admission.release(active);
    expect(takeCommands()).toEqual(['idle']);
    admission.open();
    expect(queued.outcome).toBe('admitted');
    admission.release(queued);
    expect(takeCommands()).toEqual([]);
  });

  test('reports that it is idle at once if no request is active', () => {
    const { admission, takeCommands } = setUp({ onDemand: false });
    admission.open();
    admission.drain();
    expect(takeCommands()).toEqual(['idle']);
  });
});

describe('close()', () => {
  test('ends queueing; new requests are admitted while the upstream is ready', () => {
    const { admission, acquire, takeCommands } = setUp({ onDemand: false });
    admission.open();
    const active = acquire();
    admission.close();
    const late = acquire();
    expect(late.outcome).toBe('admitted');
    admission.release(active);
    expect(takeCommands()).toEqual([]);
    admission.release(late);
    expect(takeCommands()).toEqual(['idle']);
    admission.pause();
    expect(acquire().outcome).toBe('the dyno is stopping');
  });

  test('rejects queued requests, and sends no further demand', () => {
    const { admission, acquire, takeCommands } = setUp();
    const waiter = acquire();
    takeCommands();
    admission.close();
    expect(waiter.outcome).toBe('the dyno is stopping');
    admission.open();
    acquire();
    expect(takeCommands()).toEqual(['idle']);
  });
});
