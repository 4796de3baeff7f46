import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLATFORM } from '../../../src/simulator/platform/rules.ts';
import { next } from '../../../src/simulator/platform/dyno-transitions.ts';
import {
  isCurrent,
  newDynoState,
  type DynoState,
  type DynoEffect,
  type DynoEvent,
} from '../../../src/simulator/platform/dyno-state.ts';

const RULES = PLATFORM;
const MEBIBYTE = 2 ** 20;

/** Plays events on a dyno, each so many milliseconds after the start; gives the effects of the last one in short. */
function play(name: string, ...events: readonly (readonly [atMs: number, event: DynoEvent])[]) {
  let dyno = newDynoState(name, 'run', 512 * MEBIBYTE, 0);
  let effects: DynoEffect[] = [];
  for (const [atMs, event] of events) [dyno, ...effects] = next(dyno, event, RULES, atMs);
  return { dyno, said: effects.map(inShort) };
}

function inShort(effect: DynoEffect): string {
  switch (effect.type) {
    case 'log':
      return effect.text;
    case 'emit':
      return `! ${effect.event.label}`;
    case 'schedule':
      return `${effect.event.type} in ${effect.afterMs}`;
    case 'start':
    case 'terminate':
    case 'kill':
      return `${effect.type} ${effect.instance}`;
  }
}

const start: DynoEvent = { type: 'start' };
const stop: DynoEvent = { type: 'stop' };
const byHand: DynoEvent = { type: 'restart', reason: 'by-hand' };
const bound = (instance: number): DynoEvent => ({ type: 'port-opened', instance });
const exited = (instance: number, status: number, orphans = 0): DynoEvent => ({
  type: 'exited',
  instance,
  status,
  orphans,
});
const weighed = (instance: number, mebibytes: number): DynoEvent => ({
  type: 'measured',
  instance,
  bytes: mebibytes * MEBIBYTE,
});
const spoken = ({ said }: { said: string[] }): string[] => said.filter((line) => /^[A-Z]/.test(line));

describe('a web dyno', () => {
  it('starts, and has 60 s to listen on its port', () => {
    const { dyno, said } = play('web.1', [0, start]);
    expect(dyno.state).toBe('starting');
    expect(said).toEqual([
      'State changed from down to starting',
      '! starting',
      'Starting process with command `run`',
      'start 1',
      'boot-timeout in 60000',
      'cycle-due in 86400000',
    ]);
  });

  it('is up once it listens', () => {
    const { dyno, said } = play('web.1', [0, start], [5, bound(1)]);
    expect(dyno).toMatchObject({ state: 'up', sinceMs: 5 });
    expect(said).toEqual(['State changed from starting to up', '! up']);
  });

  it('that does not listen in time is killed with R10, and has crashed', () => {
    const events = [
      [0, start],
      [60_000, { type: 'boot-timeout', instance: 1 }],
    ] as const;
    expect(play('web.1', ...events).said).toEqual([
      'Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 seconds of launch',
      '! R10',
      'Stopping process with SIGKILL',
      'kill 1',
    ]);
    expect(play('web.1', ...events, [60_001, exited(1, 137)]).dyno).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it('that listens in time hears nothing of R10', () => {
    expect(play('web.1', [0, start], [5, bound(1)], [60_000, { type: 'boot-timeout', instance: 1 }]).said).toEqual([]);
  });
});

describe('any other dyno', () => {
  it('is up as soon as it has started', () => {
    const { dyno, said } = play('worker.1', [0, start]);
    expect(dyno.state).toBe('up');
    expect(said).not.toContain('boot-timeout in 60000');
  });
});

describe('a crash', () => {
  it('is answered by a start at once, whatever the status', () => {
    for (const status of [0, 1, 137]) {
      const { dyno, said } = play('web.1', [0, start], [5, bound(1)], [9, exited(1, status, 2)]);
      expect(dyno).toMatchObject({ state: 'starting', crashes: 1, instanceCount: 2 });
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
    let dyno = newDynoState('web.1', 'run', MEBIBYTE, 0);
    let effects: DynoEffect[] = [];
    for (let instance = 1; instance <= count; instance += 1) {
      if (!dyno.instances.some(isCurrent))
        [dyno] = next(dyno, { type: 'cooled-off', instance: instance - 1 }, RULES, 0);
      if (instance === 1) [dyno] = next(dyno, start, RULES, 0);
      [dyno, ...effects] = next(dyno, exited(instance, 1), RULES, 0);
    }
    expect(dyno).toMatchObject({ state: 'cooling off', crashes: count, restartsAtMs: minutes * 60_000 });
    expect(effects.map(inShort)).toContain(`cooled-off in ${minutes * 60_000}`);
  });

  it('after a long instance begins a new row', () => {
    const { dyno } = play('web.1', [0, start], [0, exited(1, 1)], [0, bound(2)], [RULES.coolOffMs + 1, exited(2, 1)]);
    expect(dyno).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it.each([byHand, { type: 'restart', reason: 'deploy' }] as const)('is forgotten by %j', (event) => {
    const { dyno } = play('web.1', [0, start], [0, exited(1, 1)], [0, exited(2, 1)], [7, event]);
    expect(dyno).toMatchObject({ crashes: 0, state: 'starting', restartsAtMs: null });
  });

  it('of a instance that was restarted meanwhile is none', () => {
    const { dyno, said } = play('web.1', [0, start], [1, bound(1)], [2, byHand], [3, exited(1, 1)]);
    expect(dyno).toMatchObject({ crashes: 0, state: 'starting', instanceCount: 2 });
    expect(said).toEqual(['Process exited with status 1', '! exit 1']);
  });

  it('is not started again by a cool-off that belongs to an earlier one', () => {
    const cooling = [
      [0, start],
      [0, exited(1, 1)],
      [0, exited(2, 1)],
    ] as const;
    expect(play('web.1', ...cooling, [9, { type: 'cooled-off', instance: 1 }]).said).toEqual([]);
    expect(play('web.1', ...cooling, [9, { type: 'cooled-off', instance: 2 }]).dyno.state).toBe('starting');
  });
});

describe('a restart', () => {
  it('starts the new instance in the moment in which the old one gets its TERM', () => {
    const { dyno, said } = play('web.1', [0, start], [5, bound(1)], [9, { type: 'restart', reason: 'deploy' }]);
    expect(dyno.instances.map(({ id, phase }) => `${id} ${phase}`)).toEqual(['2 starting', '1 stopping']);
    expect(said.slice(0, 4)).toEqual([
      'Restarting',
      'Stopping all processes with SIGTERM',
      'terminate 1',
      'stop-timeout in 30000',
    ]);
    expect(said).toContain('start 2');
  });

  it('once a day is called cycling', () => {
    const { dyno, said } = play(
      'web.1',
      [0, start],
      [5, bound(1)],
      [RULES.cycleMs, { type: 'cycle-due', instance: 1 }],
    );
    expect(said[0]).toBe('Cycling');
    expect(dyno.instanceCount).toBe(2);
  });

  it('is not due for a instance that is over or ends', () => {
    const events = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
    ] as const;
    expect(play('web.1', ...events, [9, { type: 'cycle-due', instance: 1 }]).said).toEqual([]);
    expect(play('web.1', ...events, [8, exited(1, 0)], [9, { type: 'cycle-due', instance: 1 }]).said).toEqual([]);
  });

  it('takes the command and the quota that have changed', () => {
    const changed: DynoEvent = { type: 'configured', command: 'other', quotaBytes: MEBIBYTE };
    const { dyno, said } = play('web.1', [0, start], [5, changed], [5, { type: 'restart', reason: 'resized' }]);
    expect(said).toContain('Starting process with command `other`');
    expect(dyno.quotaBytes).toBe(MEBIBYTE);
  });

  it('kills what has not ended 30 s after its TERM, with R12, and calls it no crash', () => {
    const events = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
      [7, bound(2)],
      [30_006, { type: 'stop-timeout', instance: 1 }],
    ] as const;
    expect(play('web.1', ...events).said).toEqual([
      'Error R12 (Exit timeout) -> At least one process failed to exit within 30 seconds of SIGTERM',
      '! R12',
      'Stopping remaining processes with SIGKILL',
      'kill 1',
    ]);
    expect(play('web.1', ...events, [30_007, exited(1, 137)]).dyno).toMatchObject({ state: 'up', crashes: 0 });
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
    expect(play('web.1', ...killed, [10, exited(1, 137)]).dyno).toMatchObject({ crashes: 1, state: 'starting' });
  });

  it('of the largest dynos is R15 from 1.2 times the quota on', () => {
    const [dyno] = next(newDynoState('worker.1', 'run', 14_336 * MEBIBYTE, 0), start, RULES, 0);
    const said = (mebibytes: number): string[] =>
      next(dyno, weighed(1, mebibytes), RULES, 1)
        .slice(1)
        .map((one) => inShort(one as DynoEffect));
    expect(said(17_203)).toContain('! R14');
    expect(said(17_204)).toContain('! R15');
  });

  it('of a instance that drains is judged as well, and its end is no crash', () => {
    const { dyno } = play('web.1', ...up, [6, byHand], [7, bound(2)], [8, weighed(1, 1100)], [9, exited(1, 137)]);
    expect(dyno).toMatchObject({ state: 'up', crashes: 0, instanceCount: 2 });
  });
});

describe('the end', () => {
  it('is TERM for each instance, and down when the last has gone', () => {
    const stopping = [
      [0, start],
      [5, bound(1)],
      [6, byHand],
      [7, stop],
    ] as const;
    expect(play('web.1', ...stopping).dyno.state).toBe('stopping');
    expect(play('web.1', ...stopping).said).toContain('terminate 2');
    expect(play('web.1', ...stopping, [8, exited(2, 0)]).dyno.state).toBe('stopping');
    const { dyno, said } = play('web.1', ...stopping, [8, exited(2, 0)], [9, exited(1, 0)]);
    expect(dyno).toMatchObject({ state: 'down', instances: [] });
    expect(said).toContain('State changed from stopping to down');
  });

  it('of a dyno that cools off is at once, and it stays down', () => {
    const events = [
      [0, start],
      [0, exited(1, 1)],
      [0, exited(2, 1)],
      [5, stop],
    ] as const;
    expect(play('web.1', ...events).dyno.state).toBe('down');
    expect(play('web.1', ...events, [9, { type: 'cooled-off', instance: 2 }]).said).toEqual([]);
  });

  it('of one instance, overdue, is not the crash of those that came after it', () => {
    const broken = [
      [0, start],
      [1, bound(1)],
      [400_000, { type: 'restart', reason: 'deploy' }],
      [400_001, exited(2, 1)],
      [400_002, exited(3, 1)],
    ] as const;
    const late = play('web.1', ...broken, [430_000, { type: 'stop-timeout', instance: 1 }]);
    expect(late.said).toContain('! R12');
    const { dyno, said } = play(
      'web.1',
      ...broken,
      [430_000, { type: 'stop-timeout', instance: 1 }],
      [430_001, exited(1, 137)],
    );
    expect(dyno).toMatchObject({ state: 'cooling off', crashes: 2, instances: [] });
    expect(said).toEqual(['Process exited with status 137', '! exit 137']);
  });

  it('of one that was killed and then restarted is no crash', () => {
    const { dyno } = play('web.1', [0, start], [1, bound(1)], [2, weighed(1, 1100)], [3, byHand], [4, exited(1, 137)]);
    expect(dyno).toMatchObject({ crashes: 0, instanceCount: 2, state: 'starting' });
  });

  it('is undone by a deploy that wants it again', () => {
    const { dyno } = play('web.1', [0, start], [1, bound(1)], [2, stop], [3, start], [4, exited(1, 0)]);
    expect(dyno).toMatchObject({ state: 'starting', instanceCount: 2 });
  });

  it.each([byHand, { type: 'restart', reason: 'resized' }] as const)('is not undone by %j', (event) => {
    expect(play('web.1', [0, start], [1, bound(1)], [2, stop], [3, exited(1, 0)], [4, event]).said).toEqual([]);
  });

  it('is not undone by a restart', () => {
    expect(spoken(play('web.1', [0, start], [5, stop], [6, byHand]))).toEqual([]);
  });
});

describe('whatever happens', () => {
  const instance = fc.integer({ min: 1, max: 6 });
  const event: fc.Arbitrary<DynoEvent> = fc.oneof(
    fc.constant(start),
    fc.constant(stop),
    fc.constantFrom<DynoEvent>(byHand, { type: 'restart', reason: 'deploy' }, { type: 'restart', reason: 'cycle' }),
    instance.map(bound),
    fc.tuple(instance, fc.constantFrom(0, 1, 137)).map(([id, status]) => exited(id, status)),
    fc.tuple(instance, fc.constantFrom(100, 600, 1100)).map(([id, mebibytes]) => weighed(id, mebibytes)),
    fc
      .tuple(fc.constantFrom('boot-timeout', 'stop-timeout', 'cycle-due', 'cooled-off'), instance)
      .map(([type, id]): DynoEvent => ({ type, instance: id })),
  );

  it('there is one current instance at most, it is the first, and each instance is instanceCount once and ended by us only once it is there', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.constantFrom('web.1', 'worker.1'), (events, name) => {
        let dyno: DynoState = newDynoState(name, 'run', 512 * MEBIBYTE, 0);
        const instanceCount = new Set<number>();
        for (const [index, one] of events.entries()) {
          const [after, ...effects] = next(dyno, one, RULES, index * 1000);
          for (const effect of effects) {
            if (effect.type === 'start') expect(instanceCount.has(effect.instance)).toBe(false);
            if (effect.type === 'start') instanceCount.add(effect.instance);
            if (effect.type === 'terminate' || effect.type === 'kill')
              expect(instanceCount.has(effect.instance)).toBe(true);
          }
          dyno = after;
          const current = dyno.instances.filter(isCurrent);
          expect(current.length).toBeLessThanOrEqual(1);
          if (current.length === 1) expect(dyno.instances[0]).toBe(current[0]);
          if (dyno.state === 'down') expect(dyno.instances).toEqual([]);
          if (dyno.state === 'up') expect(current[0]?.phase ?? dyno.instances[0]?.phase).toMatch(/up|killed|overdue/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
