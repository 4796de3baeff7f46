import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLATFORM } from '../../src/simulator/rules.ts';
import { next } from '../../src/simulator/slot-next.ts';
import { isCurrent, newSlot, type Slot, type SlotEffect, type SlotEvent } from '../../src/simulator/slot.ts';

const RULES = PLATFORM;
const MEBIBYTE = 2 ** 20;

/** Plays events on a slot, each so many milliseconds after the start; gives the effects of the last one in short. */
function play(name: string, ...events: readonly (readonly [atMs: number, event: SlotEvent])[]) {
  let slot = newSlot(name, 'run', 512 * MEBIBYTE, 0);
  let effects: SlotEffect[] = [];
  for (const [atMs, event] of events) [slot, ...effects] = next(slot, event, RULES, atMs);
  return { slot, said: effects.map(inShort) };
}

function inShort(effect: SlotEffect): string {
  switch (effect.do) {
    case 'say':
      return effect.text;
    case 'happen':
      return `! ${effect.what.mark}`;
    case 'schedule':
      return `${effect.event.kind} in ${effect.afterMs}`;
    case 'spawn':
    case 'term':
    case 'kill':
      return `${effect.do} ${effect.life}`;
  }
}

const start: SlotEvent = { kind: 'start' };
const stop: SlotEvent = { kind: 'stop' };
const byHand: SlotEvent = { kind: 'restart', why: 'by-hand' };
const bound = (life: number): SlotEvent => ({ kind: 'bound', life });
const exited = (life: number, status: number, left = 0): SlotEvent => ({ kind: 'exited', life, status, left });
const weighed = (life: number, mebibytes: number): SlotEvent => ({
  kind: 'weighed',
  life,
  bytes: mebibytes * MEBIBYTE,
});
const spoken = ({ said }: { said: string[] }): string[] => said.filter((line) => /^[A-Z]/.test(line));

describe('a web dyno', () => {
  it('starts, and has 60 s to listen on its port', () => {
    const { slot, said } = play('web.1', [0, start]);
    expect(slot.state).toBe('starting');
    expect(said).toEqual([
      'State changed from down to starting',
      '! starting',
      'Starting process with command `run`',
      'spawn 1',
      'boot-late in 60000',
      'cycle-due in 86400000',
    ]);
  });

  it('is up once it listens', () => {
    const { slot, said } = play('web.1', [0, start], [5, bound(1)]);
    expect(slot).toMatchObject({ state: 'up', sinceMs: 5 });
    expect(said).toEqual(['State changed from starting to up', '! up']);
  });

  it('that does not listen in time is killed with R10, and has crashed', () => {
    const events = [
      [0, start],
      [60_000, { kind: 'boot-late', life: 1 }],
    ] as const;
    expect(play('web.1', ...events).said).toEqual([
      'Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 seconds of launch',
      '! R10',
      'Stopping process with SIGKILL',
      'kill 1',
    ]);
    expect(play('web.1', ...events, [60_001, exited(1, 137)]).slot).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it('that listens in time hears nothing of R10', () => {
    expect(play('web.1', [0, start], [5, bound(1)], [60_000, { kind: 'boot-late', life: 1 }]).said).toEqual([]);
  });
});

describe('any other dyno', () => {
  it('is up as soon as it has started', () => {
    const { slot, said } = play('worker.1', [0, start]);
    expect(slot.state).toBe('up');
    expect(said).not.toContain('boot-late in 60000');
  });
});

describe('a crash', () => {
  it('is answered by a start at once, whatever the status', () => {
    for (const status of [0, 1, 137]) {
      const { slot, said } = play('web.1', [0, start], [5, bound(1)], [9, exited(1, status, 2)]);
      expect(slot).toMatchObject({ state: 'starting', crashes: 1, born: 2 });
      expect(said.slice(0, 5)).toEqual([
        `Process exited with status ${status}`,
        `! exit ${status}`,
        'State changed from up to crashed',
        '! crashed',
        'State changed from crashed to starting',
      ]);
    }
  });

  it.each([
    [2, 5],
    [3, 10],
    [4, 20],
    [9, 320],
    [12, 320],
  ])('number %i in a row waits for %i minutes', (count, minutes) => {
    let slot = newSlot('web.1', 'run', MEBIBYTE, 0);
    let effects: SlotEffect[] = [];
    for (let life = 1; life <= count; life += 1) {
      if (!slot.lives.some(isCurrent)) [slot] = next(slot, { kind: 'cooled-off', life: life - 1 }, RULES, 0);
      if (life === 1) [slot] = next(slot, start, RULES, 0);
      [slot, ...effects] = next(slot, exited(life, 1), RULES, 0);
    }
    expect(slot).toMatchObject({ state: 'cooling off', crashes: count, restartsAtMs: minutes * 60_000 });
    expect(effects.map(inShort)).toContain(`cooled-off in ${minutes * 60_000}`);
  });

  it('after a long life begins a new row', () => {
    const { slot } = play('web.1', [0, start], [0, exited(1, 1)], [0, bound(2)], [RULES.coolOffMs + 1, exited(2, 1)]);
    expect(slot).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it.each([byHand, { kind: 'restart', why: 'deploy' }] as const)('is forgotten by %j', (event) => {
    const { slot } = play('web.1', [0, start], [0, exited(1, 1)], [0, exited(2, 1)], [7, event]);
    expect(slot).toMatchObject({ crashes: 0, state: 'starting', restartsAtMs: null });
  });

  it('of a life that was restarted meanwhile is none', () => {
    const { slot, said } = play('web.1', [0, start], [1, bound(1)], [2, byHand], [3, exited(1, 1)]);
    expect(slot).toMatchObject({ crashes: 0, state: 'starting', born: 2 });
    expect(said).toEqual(['Process exited with status 1', '! exit 1']);
  });

  it('is not started again by a cool-off that belongs to an earlier one', () => {
    const cooling = [
      [0, start],
      [0, exited(1, 1)],
      [0, exited(2, 1)],
    ] as const;
    expect(play('web.1', ...cooling, [9, { kind: 'cooled-off', life: 1 }]).said).toEqual([]);
    expect(play('web.1', ...cooling, [9, { kind: 'cooled-off', life: 2 }]).slot.state).toBe('starting');
  });
});

describe('a restart', () => {
  it('starts the new life in the moment in which the old one gets its TERM', () => {
    const { slot, said } = play('web.1', [0, start], [5, bound(1)], [9, { kind: 'restart', why: 'deploy' }]);
    expect(slot.lives.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['2 starting', '1 stopping']);
    expect(said.slice(0, 4)).toEqual([
      'Restarting',
      'Stopping all processes with SIGTERM',
      'term 1',
      'stop-late in 30000',
    ]);
    expect(said).toContain('spawn 2');
  });

  it('once a day is called cycling', () => {
    const { slot, said } = play('web.1', [0, start], [5, bound(1)], [RULES.cycleMs, { kind: 'cycle-due', life: 1 }]);
    expect(said[0]).toBe('Cycling');
    expect(slot.born).toBe(2);
  });

  it('is not due for a life that is over or ends', () => {
    const events = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
    ] as const;
    expect(play('web.1', ...events, [9, { kind: 'cycle-due', life: 1 }]).said).toEqual([]);
    expect(play('web.1', ...events, [8, exited(1, 0)], [9, { kind: 'cycle-due', life: 1 }]).said).toEqual([]);
  });

  it('takes the command and the quota that have changed', () => {
    const changed: SlotEvent = { kind: 'changed', command: 'other', quotaBytes: MEBIBYTE };
    const { slot, said } = play('web.1', [0, start], [5, changed], [5, { kind: 'restart', why: 'resized' }]);
    expect(said).toContain('Starting process with command `other`');
    expect(slot.quotaBytes).toBe(MEBIBYTE);
  });

  it('kills what has not ended 30 s after its TERM, with R12, and calls it no crash', () => {
    const events = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
      [7, bound(2)],
      [30_006, { kind: 'stop-late', life: 1 }],
    ] as const;
    expect(play('web.1', ...events).said).toEqual([
      'Error R12 (Exit timeout) -> At least one process failed to exit within 30 seconds of SIGTERM',
      '! R12',
      'Stopping remaining processes with SIGKILL',
      'kill 1',
    ]);
    expect(play('web.1', ...events, [30_007, exited(1, 137)]).slot).toMatchObject({ state: 'up', crashes: 0 });
  });
});

describe('memory', () => {
  const up = [
    [0, start],
    [5, bound(1)],
  ] as const;

  it('within the quota is worth no word', () => {
    expect(play('web.1', ...up, [9, weighed(1, 511)]).said).toEqual([]);
  });

  it('over it is R14, again every 20 s, with a mark only for the first', () => {
    const over = [...up, [1000, weighed(1, 600)]] as const;
    const lines = ['Process running mem=600M(117.2%)', 'Error R14 (Memory quota exceeded)'];
    expect(play('web.1', ...over).said).toEqual([...lines, '! R14']);
    expect(play('web.1', ...over, [20_999, weighed(1, 600)]).said).toEqual([]);
    expect(play('web.1', ...over, [21_000, weighed(1, 600)]).said).toEqual(lines);
    expect(play('web.1', ...over, [1500, weighed(1, 500)], [2000, weighed(1, 600)]).said).toEqual([...lines, '! R14']);
  });

  it('at twice the quota is R15, the end, and a crash', () => {
    const killed = [...up, [9, weighed(1, 1024)]] as const;
    expect(play('web.1', ...killed).said).toEqual([
      'Process running mem=1024M(200.0%)',
      'Error R15 (Memory quota vastly exceeded)',
      '! R15',
      'Stopping process with SIGKILL',
      'kill 1',
    ]);
    expect(play('web.1', ...killed, [10, weighed(1, 2000)]).said).toEqual([]);
    expect(play('web.1', ...killed, [10, exited(1, 137)]).slot).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it('of the largest dynos is R15 from 1.2 times the quota on', () => {
    const [slot] = next(newSlot('worker.1', 'run', 14_336 * MEBIBYTE, 0), start, RULES, 0);
    const said = (mebibytes: number): string[] =>
      next(slot, weighed(1, mebibytes), RULES, 1)
        .slice(1)
        .map((one) => inShort(one as SlotEffect));
    expect(said(17_203)).toContain('! R14');
    expect(said(17_204)).toContain('! R15');
  });

  it('of a life that drains is judged as well, and its end is no crash', () => {
    const { slot } = play('web.1', ...up, [6, byHand], [7, bound(2)], [8, weighed(1, 1100)], [9, exited(1, 137)]);
    expect(slot).toMatchObject({ state: 'up', crashes: 0, born: 2 });
  });
});

describe('the end', () => {
  it('is TERM for each life, and down when the last has gone', () => {
    const stopping = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
      [7, stop],
    ] as const;
    expect(play('web.1', ...stopping).slot.state).toBe('stopping');
    expect(play('web.1', ...stopping).said).toContain('term 2');
    expect(play('web.1', ...stopping, [8, exited(2, 0)]).slot.state).toBe('stopping');
    const { slot, said } = play('web.1', ...stopping, [8, exited(2, 0)], [9, exited(1, 0)]);
    expect(slot).toMatchObject({ state: 'down', lives: [] });
    expect(said).toContain('State changed from stopping to down');
  });

  it('of a dyno that cools off is at once, and it stays down', () => {
    const events = [
      [0, start],
      [0, exited(1, 1)],
      [0, exited(2, 1)],
      [5, stop],
    ] as const;
    expect(play('web.1', ...events).slot.state).toBe('down');
    expect(play('web.1', ...events, [9, { kind: 'cooled-off', life: 2 }]).said).toEqual([]);
  });

  it('of one life, overdue, is not the crash of those that came after it', () => {
    const broken = [
      [0, start],
      [1, bound(1)],
      [400_000, { kind: 'restart', why: 'deploy' }],
      [400_001, exited(2, 1)],
      [400_002, exited(3, 1)],
    ] as const;
    const late = play('web.1', ...broken, [430_000, { kind: 'stop-late', life: 1 }]);
    expect(late.said).toContain('! R12');
    const { slot, said } = play(
      'web.1',
      ...broken,
      [430_000, { kind: 'stop-late', life: 1 }],
      [430_001, exited(1, 137)],
    );
    expect(slot).toMatchObject({ state: 'cooling off', crashes: 2, lives: [] });
    expect(said).toEqual(['Process exited with status 137', '! exit 137']);
  });

  it('of one that was killed and then restarted is no crash', () => {
    const { slot } = play('web.1', [0, start], [1, bound(1)], [2, weighed(1, 1100)], [3, byHand], [4, exited(1, 137)]);
    expect(slot).toMatchObject({ crashes: 0, born: 2, state: 'starting' });
  });

  it('is undone by a deploy that wants it again', () => {
    const { slot } = play('web.1', [0, start], [1, bound(1)], [2, stop], [3, start], [4, exited(1, 0)]);
    expect(slot).toMatchObject({ state: 'starting', born: 2 });
  });

  it.each([byHand, { kind: 'restart', why: 'resized' }] as const)('is not undone by %j', (event) => {
    expect(play('web.1', [0, start], [1, bound(1)], [2, stop], [3, exited(1, 0)], [4, event]).said).toEqual([]);
  });

  it('is not undone by a restart', () => {
    expect(spoken(play('web.1', [0, start], [5, stop], [6, byHand]))).toEqual([]);
  });
});

describe('whatever happens', () => {
  const life = fc.integer({ min: 1, max: 6 });
  const event: fc.Arbitrary<SlotEvent> = fc.oneof(
    fc.constant(start),
    fc.constant(stop),
    fc.constantFrom<SlotEvent>(byHand, { kind: 'restart', why: 'deploy' }, { kind: 'restart', why: 'cycle' }),
    life.map(bound),
    fc.tuple(life, fc.constantFrom(0, 1, 137)).map(([id, status]) => exited(id, status)),
    fc.tuple(life, fc.constantFrom(100, 600, 1100)).map(([id, mebibytes]) => weighed(id, mebibytes)),
    fc
      .tuple(fc.constantFrom('boot-late', 'stop-late', 'cycle-due', 'cooled-off'), life)
      .map(([kind, id]): SlotEvent => ({ kind, life: id })),
  );

  it('there is one current life at most, it is the first, and each life is born once and ended by us only once it is there', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.constantFrom('web.1', 'worker.1'), (events, name) => {
        let slot: Slot = newSlot(name, 'run', 512 * MEBIBYTE, 0);
        const born = new Set<number>();
        for (const [index, one] of events.entries()) {
          const [after, ...effects] = next(slot, one, RULES, index * 1000);
          for (const effect of effects) {
            if (effect.do === 'spawn') expect(born.has(effect.life)).toBe(false);
            if (effect.do === 'spawn') born.add(effect.life);
            if (effect.do === 'term' || effect.do === 'kill') expect(born.has(effect.life)).toBe(true);
          }
          slot = after;
          const current = slot.lives.filter(isCurrent);
          expect(current.length).toBeLessThanOrEqual(1);
          if (current.length === 1) expect(slot.lives[0]).toBe(current[0]);
          if (slot.state === 'down') expect(slot.lives).toEqual([]);
          if (slot.state === 'up') expect(current[0]?.phase ?? slot.lives[0]?.phase).toMatch(/up|killed|overdue/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
