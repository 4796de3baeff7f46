import { describe, expect, test } from 'vitest';
import type { Demand } from '../../src/measures.ts';
import { Gate, type Visitor } from '../../src/router/gate.ts';
import { FakeClock } from '../fakes/clock.ts';

class Guest implements Visitor {
  said = 'waits';
  enter(): void {
    this.said = 'inside';
  }
  refuse(why: string): void {
    this.said = why;
  }
}

function gate({ onDemand = true, shortage = null as string | null } = {}) {
  const clock = new FakeClock();
  const asked: Demand[] = [];
  const it = new Gate({
    upstream: { child: 'streaming', socket: '/s', onDemand, keeps: 0 },
    clock,
    ask: (demand) => void asked.push(demand),
    shortage: () => shortage,
    left: () => {},
  });
  const come = (): Guest => {
    const guest = new Guest();
    it.admit(guest);
    return guest;
  };
  return { it, clock, come, asked: () => asked.splice(0).map(({ type }) => type) };
}

describe('an upstream that is not up', () => {
  test('its visitors wait until it is', () => {
    const { it, come, clock } = gate();
    const [first, second] = [come(), come()];
    expect(first.said).toBe('waits');
    it.open();
    expect([first.said, second.said]).toEqual(['inside', 'inside']);
    expect(clock.left).toBe(0);
  });

  test('not for ever', async () => {
    const { it, clock, come } = gate();
    const guest = come();
    await clock.advance(24_999);
    expect(guest.said).toBe('waits');
    await clock.advance(1);
    expect(guest.said).toBe('streaming was not ready in time');
    it.open();
    expect(guest.said).toBe('streaming was not ready in time');
  });

  test('not too many', () => {
    const { it, come } = gate();
    const guests = Array.from({ length: 101 }, come);
    expect(guests.map(({ said }) => said).filter((said) => said === 'waits')).toHaveLength(100);
    expect(guests.at(-1)?.said).toMatch('100 requests wait');
    it.leave(guests[0] as Guest);
    expect(come().said).toBe('waits');
  });

  test('who leaves is forgotten', () => {
    const { it, come, clock } = gate();
    const guest = come();
    it.leave(guest);
    it.open();
    expect(guest.said).toBe('waits');
    expect(it.isEmpty).toBe(true);
    expect(clock.left).toBe(0);
  });

  test('a refusal is for all who wait, and for who comes soon', async () => {
    const { it, clock, come } = gate();
    const guest = come();
    it.refuse('memory at 160 %');
    expect(guest.said).toBe('memory at 160 %');
    expect(come().said).toBe('streaming is not started now');
    await clock.advance(5000);
    expect(come().said).toBe('waits');
  });
});

describe('on demand', () => {
  test('wanted by the first, unwanted after the last', () => {
    const { it, come, asked } = gate();
    const [first, second] = [come(), come()];
    expect(asked()).toEqual(['wanted']);
    it.open();
    expect(asked()).toEqual([]);
    it.leave(first);
    it.leave(second);
    expect(asked()).toEqual(['unwanted']);
    it.leave(come());
    expect(asked()).toEqual(['wanted', 'unwanted']);
  });

  test('unwanted when the only one that waited was turned away', async () => {
    const { clock, come, asked } = gate();
    come();
    await clock.advance(25_000);
    expect(asked()).toEqual(['wanted', 'unwanted']);
  });

  test('who comes while others are still inside of what has just ended wants it anew', () => {
    const { it, come, asked } = gate();
    it.open();
    const inside = come();
    it.shut();
    asked();
    come();
    expect(asked()).toEqual(['wanted']);
    it.leave(inside);
    expect(asked()).toEqual([]);
  });

  test('wanted again when it ends while somebody waits', () => {
    const { it, come, asked } = gate();
    it.renew();
    expect(asked()).toEqual([]);
    come();
    it.renew();
    expect(asked()).toEqual(['wanted', 'wanted']);
  });

  test('memory is only asked for when it would have to start', () => {
    const asked: Demand[] = [];
    const options = { clock: new FakeClock(), ask: (demand: Demand) => void asked.push(demand), left: () => {} };
    const upstream = { child: 'streaming', socket: '/s', onDemand: true, keeps: 0 };
    const it = new Gate({ ...options, upstream, shortage: () => 'memory at 160 %' });
    it.admit(new Guest());
    it.open();
    it.leave(new Guest());
    it.admit(new Guest());
    expect(asked).toMatchObject([{ shortage: 'memory at 160 %' }, { type: 'unwanted' }, { shortage: null }]);
  });
});

test('what is always there is never asked for', () => {
  const { it, come, asked } = gate({ onDemand: false });
  const guest = come();
  it.renew();
  it.open();
  it.leave(guest);
  expect(asked()).toEqual([]);
});

describe('drained', () => {
  test('once the last is out, nobody new getting in', () => {
    const { it, come, asked } = gate({ onDemand: false });
    it.open();
    const inside = come();
    it.quiet();
    const waiting = come();
    expect([waiting.said, asked()]).toEqual(['waits', []]);
    it.leave(inside);
    expect(asked()).toEqual(['drained']);
    it.open();
    expect(waiting.said).toBe('inside');
    it.leave(waiting);
    expect(asked()).toEqual([]);
  });

  test('at once where nobody is inside', () => {
    const { it, asked } = gate({ onDemand: false });
    it.open();
    it.quiet();
    expect(asked()).toEqual(['drained']);
  });
});

describe('closed for good', () => {
  test('nobody waits any more; who comes is served while it is up', () => {
    const { it, come, asked } = gate({ onDemand: false });
    it.open();
    const inside = come();
    it.close();
    const late = come();
    expect(late.said).toBe('inside');
    it.leave(inside);
    expect(asked()).toEqual([]);
    it.leave(late);
    expect(asked()).toEqual(['drained']);
    it.shut();
    expect(come().said).toBe('stopping');
  });

  test('who waits is turned away, and nothing is wanted', () => {
    const { it, come, asked } = gate();
    const guest = come();
    asked();
    it.close();
    expect(guest.said).toBe('stopping');
    it.open();
    come();
    expect(asked()).toEqual(['drained']);
  });
});
