import { describe, expect, test } from 'vitest';
import type { MemoryReading } from '../../src/host.ts';
import { type Limits, INITIAL_STATE, type MemoryAction } from '../../src/memory/policy-state.ts';
import { decide } from '../../src/memory/policy.ts';
import { takeSnapshot } from '../../src/memory/snapshot.ts';
import type { ChildSpec } from '../../src/plan/spec.ts';
import { child, onDemand, routedPuma } from '../fakes/plan.ts';
import { atRest, everyone, limits, limitsOf, reading, specs, use } from './readings.ts';

type How = { up?: ReadonlySet<string>; limits?: Limits; specs?: readonly ChildSpec[] };

/** What was said and done about each reading of a history. */
function decided(readings: readonly MemoryReading[], how: How = {}): MemoryAction[][] {
  let memory = INITIAL_STATE;
  let before: MemoryReading | null = null;
  return readings.map((one) => {
    const seen = takeSnapshot(one, before);
    before = one;
    const [after, ...actions] = decide(memory, {
      snapshot: seen,
      ready: how.up ?? everyone,
      specs: how.specs ?? specs,
      limits: how.limits ?? limits,
    });
    memory = after;
    return actions;
  });
}

function inShort(readings: readonly MemoryReading[], how: How = {}): string[][] {
  return decided(readings, how).map((actions) => actions.map(words));
}

function words(action: MemoryAction): string {
  switch (action.type) {
    case 'report':
      return action.text.startsWith('memory')
        ? action.text.replace(/^memory at (\d+) % of \d+ MB/, '$1 %')
        : action.text;
    case 'restart':
      if (action.mode === 'graceful') return `restart ${action.child} gracefully`;
      return `emergency ${action.child ?? 'the dyno'}${action.immediate ? ' at once' : ''}${action.lastResort === 'none' ? ', else nothing' : ''}`;
    case 'end-process':
      return `end ${action.name} ${action.id.pid} after ${action.killAfterMs}`;
  }
}

/** puma, sidekiq and a convert below sidekiq with so many MB each. */
function held(atMs: number, puma: number, sidekiq: number, convert = 0): MemoryReading {
  const helper = convert === 0 ? [] : [use('sidekiq', 'convert', convert)];
  return reading(atMs, use('puma', 'ruby3.1', puma), use('sidekiq', 'ruby3.1', sidekiq), ...helper);
}
const rest = atRest(0);

describe('warn', () => {
  test('once, naming the biggest; again only after a fall below the lower mark', () => {
    const sizes = [350, 500, 513, 600, 480, 600, 455, 520].map((all, index) => held(1000 * index, 200, all - 200));
    expect(inShort(sizes)).toEqual([
      [],
      [],
      ['100 %: the largest is sidekiq with 313 MB'],
      [],
      [],
      [],
      [],
      ['102 %: the largest is sidekiq with 320 MB'],
    ]);
  });

  test('a helper is named with the child that it works for, and so is other processes of the cgroup', () => {
    expect(inShort([rest, held(1, 100, 100, 400)])[1]).toEqual([
      '117 %: the largest is convert (started by sidekiq) with 400 MB',
    ]);
    expect(inShort([{ ...held(1, 100, 100), cgroupBytes: limits.bytes }])[0]).toEqual([
      '100 %: the largest is other processes of the cgroup with 312 MB',
    ]);
  });
});

describe('relieve', () => {
  test('a helper of more than a quarter of the quota: TERM, KILL 2 s later, and it is told once', () => {
    const actions = decided([rest, held(1000, 200, 150, 430), held(1200, 200, 150, 440)]);
    expect(actions[1]?.at(-1)).toEqual({
      type: 'end-process',
      id: { pid: 21, started: '5' },
      name: 'convert',
      killAfterMs: 2000,
      reason: 'memory at 152 % of 512 MB, and convert (started by sidekiq) holds 430 MB',
    });
    expect(actions[2]).toEqual([]);
  });

  test('a helper of a quarter or less is not to blame', () => {
    const full = held(1000, 200, 450, 128);
    expect(inShort([rest, full])[1]?.slice(1)).toEqual(['restart sidekiq gracefully']);
  });

  test('the biggest of several, then the next', () => {
    const two = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...rest.processes,
        ...sizes.map((size, index) => use('sidekiq', 'ffmpeg', size, { pid: 30 + index, parent: 20 })),
      );
    expect(
      inShort([rest, two(60_000, 200, 300), two(60_200, 200, 300), two(63_500, 450)]).map((one) => one.at(-1)),
    ).toEqual([undefined, 'end ffmpeg 31 after 2000', undefined, 'end ffmpeg 30 after 2000']);
  });

  test('several that are no more than a quarter each, and together are', () => {
    const four = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...rest.processes,
        ...sizes.map((size, index) => use('sidekiq', 'convert', size, { pid: 30 + index, parent: 20 })),
      );
    const all = [rest, four(60_000, 105, 110, 100, 110), four(60_200, 105, 110, 100, 110), four(65_001, 140, 140, 140)];
    expect(inShort(all).map((one) => one.at(-1))).toEqual([
      undefined,
      'end convert 31 after 2000',
      undefined,
      'end convert 30 after 2000',
    ]);
  });

  test('another helper with the pid of one that has ended', () => {
    const again = reading(9000, ...rest.processes, use('sidekiq', 'convert', 450, { started: '99' }));
    expect(
      inShort([rest, held(1000, 200, 150, 430), atRest(5000), again])
        .at(-1)
        ?.at(-1),
    ).toBe('end convert 21 after 2000');
  });

  test('else the sidekiq that holds most beyond its rest', () => {
    const both = [child('puma'), child('sidekiq-1'), child('sidekiq-2')];
    const all = (atMs: number, one: number, other: number): MemoryReading =>
      reading(
        atMs,
        use('puma', 'ruby3.1', 200),
        use('sidekiq-1', 'ruby3.1', one),
        use('sidekiq-2', 'ruby3.1', other, { pid: 22 }),
      );
    const up = new Set(['puma', 'sidekiq-1', 'sidekiq-2']);
    const actions = decided([all(0, 250, 100), all(1000, 310, 300)], { specs: both, up });
    expect(actions[1]?.at(-1)).toEqual({
      type: 'restart',
      mode: 'graceful',
      child: 'sidekiq-2',
      reason: 'memory at 158 % of 512 MB, and sidekiq-2 holds 300 MB, 200 MB more than at rest',
    });
  });

  test('a restart that gives back less than a tenth of the quota is not worth it', () => {
    expect(inShort([held(0, 200, 400), held(60_000, 330, 450)])[1]?.at(-1)).toMatch(/no restart would help/);
  });

  test('a graceful restart is given its time, then asked for again', () => {
    const high = [1000, 2000, 180_000, 181_001].map((atMs) => held(atMs, 200, 600));
    expect(inShort([rest, ...high]).map((one) => one.includes('restart sidekiq gracefully'))).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  test('else the biggest worker of a puma cluster, TERM only, one a minute', () => {
    const cluster = [child('puma', { memory: { ...child('puma').memory, workers: 2 } }), child('sidekiq')];
    const workers = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...rest.processes,
        ...sizes.map((size, index) => use('puma', 'ruby3.1', size, { pid: 11 + index, parent: 10 })),
      );
    const history = [
      workers(0, 60, 60),
      workers(60_000, 250, 260),
      workers(61_000, 200, 210),
      workers(61_400, 250, 260),
      workers(120_001, 430, 20),
    ];
    expect(inShort(history, { specs: cluster }).map((one) => one.at(-1))).toEqual([
      undefined,
      'end puma worker 12 after null',
      undefined,
      undefined,
      'end puma worker 11 after null',
    ]);
    const others = [workers(0, 60, 60), { ...workers(1000, 60, 60), cgroupBytes: 1.6 * limits.bytes }];
    expect(inShort(others, { specs: cluster })[1]?.at(-1)).toMatch(
      /no restart would help: the largest is other processes of the cgroup/,
    );
  });

  test('a puma in single mode: nothing, and that is said once', () => {
    const said = inShort([rest, held(1000, 700, 150), held(2000, 710, 150), atRest(3000), held(4000, 700, 150)]);
    const nobody = 'no restart would help: the largest is puma with 700 MB. Use fewer threads or a larger dyno';
    expect(said.map((one) => one.filter((text) => text.includes('no restart would help')))).toEqual([
      [],
      [`166 %, and ${nobody}`],
      [],
      [],
      [`166 %, and ${nobody}`],
    ]);
  });
});

describe('a puma behind the router', () => {
  const routed = { specs: [routedPuma(), child('sidekiq')] };

  test('act: restarted gracefully when no sidekiq can be', () => {
    expect(inShort([rest, held(60_000, 700, 150)], routed)[1]?.at(-1)).toBe('restart puma gracefully');
    expect(inShort([rest, held(60_000, 600, 250)], routed)[1]?.at(-1)).toBe('restart sidekiq gracefully');
    expect(inShort([held(0, 360, 390), held(60_000, 390, 400)], routed)[1]?.at(-1)).toMatch(/no restart would help/);
  });

  test('emergency: restarted when no sidekiq can be', () => {
    expect(inShort([rest, held(60_000, 800, 150)], routed)[1]?.at(-1)).toBe('emergency puma');
    expect(inShort([rest, held(60_000, 700, 250)], routed)[1]?.at(-1)).toBe('emergency sidekiq');
  });

  test('a worker of it goes first', () => {
    const puma = routedPuma();
    const cluster = [{ ...puma, memory: { ...puma.memory, workers: 1 } }, child('sidekiq')];
    const workers = (atMs: number, size: number): MemoryReading =>
      reading(atMs, ...rest.processes, use('puma', 'ruby3.1', size, { pid: 11, parent: 10 }));
    expect(inShort([workers(0, 60), workers(60_000, 450)], { specs: cluster })[1]?.at(-1)).toBe(
      'end puma worker 11 after null',
    );
  });
});

describe('emergency', () => {
  test('the fastest grower among the helpers: KILL at once', () => {
    const two = (atMs: number, one: number, other: number): MemoryReading =>
      reading(
        atMs,
        ...rest.processes,
        use('sidekiq', 'convert', one, { pid: 30, parent: 20 }),
        use('puma', 'ffmpeg', other, { pid: 31, parent: 10 }),
      );
    const actions = decided([rest, two(1000, 300, 50), two(1200, 320, 280)]);
    expect(actions[2]?.at(-1)).toMatchObject({ id: { pid: 31 }, killAfterMs: 0 });
    expect(actions[2]?.at(-1)).toHaveProperty(
      'reason',
      'memory at 186 % of 512 MB, the platform kills at 200 %, and ffmpeg (started by puma) holds 280 MB and grows by 1150 MB a second',
    );
  });

  test('one that had its TERM gets its KILL now; one that had its KILL is waited for', () => {
    const history = [rest, held(1000, 200, 150, 430), held(1200, 200, 150, 600), held(1400, 200, 150, 610)];
    expect(inShort(history).map((one) => one.at(-1))).toEqual([
      undefined,
      'end convert 21 after 2000',
      'end convert 21 after 0',
      undefined,
    ]);
  });

  test('growth that would reach the kill before the next looks is enough', () => {
    expect(
      inShort([rest, held(900, 200, 150, 300), held(1000, 200, 150, 430)])
        .at(-1)
        ?.at(-1),
    ).toBe('end convert 21 after 0');
  });

  test('one that even a KILL does not end is not waited for', () => {
    const stuck = [60_000, 62_000, 63_100].map((atMs) => held(atMs, 200, 450, 330));
    expect(inShort([rest, ...stuck]).map((one) => one.at(-1))).toEqual([
      undefined,
      'end convert 21 after 0',
      undefined,
      'emergency sidekiq',
    ]);
  });

  test('growth alone is no reason to restart or to stop', () => {
    expect(
      inShort([rest, held(100, 200, 600)])
        .at(-1)
        ?.at(-1),
    ).toBe('restart sidekiq gracefully');
    expect(
      inShort([rest, held(100, 650, 150)])
        .at(-1)
        ?.at(-1),
    ).toMatch(/no restart would help/);
  });

  test('a small helper is not to blame: the sidekiq that holds most', () => {
    expect(inShort([rest, held(60_000, 200, 730, 30)])[1]?.at(-1)).toBe('emergency sidekiq');
  });

  test('halfway from there to the kill: at once', () => {
    expect(inShort([rest, held(60_000, 200, 790)])[1]?.at(-1)).toBe('emergency sidekiq at once');
  });

  test('nobody to restart: the dyno, again at every reading, since the supervisor decides', () => {
    const full = [60_000, 60_200].map((atMs) => held(atMs, 810, 150));
    expect(inShort([rest, ...full]).map((one) => one.at(-1))).toEqual([
      undefined,
      'emergency the dyno',
      'emergency the dyno',
    ]);
  });
});

const none = new Set<string>();

/** What a history led to, warnings left out. */
function done(readings: readonly MemoryReading[], how: How = {}): string[] {
  return inShort(readings, how)
    .flat()
    .filter((text) => !text.includes(': the largest is'));
}

/** puma and a sidekiq of a later start, with another pid. */
function restarted(atMs: number, puma: number, sidekiq: number): MemoryReading {
  return reading(atMs, use('puma', 'ruby3.1', puma), use('sidekiq', 'ruby3.1', sidekiq, { pid: 40 }));
}

describe.each<[string, ReadonlySet<string>]>([
  ['no child is up', none],
  ['only puma is up', new Set(['puma'])],
  ['only sidekiq is up', new Set(['sidekiq'])],
])('%s', (_, up) => {
  test('relieve: a big helper gets TERM, and KILL 2 s later', () => {
    expect(done([rest, held(60_000, 200, 150, 430)], { up })).toEqual(['end convert 21 after 2000']);
  });

  test('emergency: a helper is killed at once, without a TERM before', () => {
    expect(done([held(0, 100, 50), held(1000, 200, 150, 600)], { up })).toEqual(['end convert 21 after 0']);
  });

  test('a helper that would reach the kill before the next looks is killed', () => {
    const fast = [held(0, 200, 150), held(900, 200, 150, 300), held(1000, 200, 150, 430)];
    expect(done(fast, { up })).toEqual(['end convert 21 after 0']);
  });

  test('the very first reading is enough', () => {
    expect(done([held(0, 200, 150, 600)], { up })).toEqual(['end convert 21 after 0']);
  });

  test('relieve: no graceful restart and no line that none would help', () => {
    expect(done([rest, held(1000, 200, 600), held(2000, 200, 650)], { up })).toEqual([]);
  });

  test('emergency: the whole dyno is not stopped for a puma that grows', () => {
    expect(done([rest, held(1000, 820, 150), held(2000, 850, 150)], { up })).toEqual([]);
  });
});

describe('save, before all children are up', () => {
  test('a sidekiq that is not up and holds much is restarted; KILL halfway to the kill', () => {
    const leak = [held(0, 100, 50), held(1000, 200, 760), held(1200, 200, 790), held(1400, 200, 800)];
    expect(done(leak, { up: none })).toEqual([
      'emergency sidekiq, else nothing',
      'emergency sidekiq at once, else nothing',
      'emergency sidekiq at once, else nothing',
    ]);
  });

  test('a helper goes first, and is given the time to end', () => {
    const both = [held(1000, 200, 400, 400), held(1200, 200, 400, 400), held(4500, 200, 760)];
    expect(done(both, { up: none })).toEqual(['end convert 21 after 0', 'emergency sidekiq, else nothing']);
  });

  test('its next start needs as much: that is said once, and no further restart follows', () => {
    const again = [held(0, 200, 760), restarted(5000, 200, 300), restarted(9000, 200, 760), restarted(9200, 200, 800)];
    expect(done(again, { up: none })).toEqual([
      'emergency sidekiq, else nothing',
      '188 %, and sidekiq was restarted for that already: the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps',
    ]);
  });

  test('where all are up after the restart and fit, the sidekiq that grows again is restarted as ever', () => {
    const after = [restarted(5000, 200, 150), restarted(700_000, 200, 760)];
    const up = new Map([[5000, everyone]]);
    let memory = INITIAL_STATE;
    const said = [held(0, 200, 760), ...after].map((one) => {
      const isUp = up.get(one.atMs) ?? (one.atMs > 5000 ? everyone : none);
      const [next, ...actions] = decide(memory, { snapshot: takeSnapshot(one, null), ready: isUp, specs, limits });
      memory = next;
      return actions.map(words).at(-1);
    });
    expect(said).toEqual(['emergency sidekiq, else nothing', undefined, 'emergency sidekiq']);
  });

  test('only one of several that start is restarted, and it alone until it has ended', () => {
    const three = [child('puma'), child('sidekiq-1'), child('sidekiq-2')];
    const all = (atMs: number, one: number, other: number): MemoryReading =>
      reading(
        atMs,
        use('puma', 'ruby3.1', 100),
        use('sidekiq-1', 'ruby3.1', one),
        use('sidekiq-2', 'ruby3.1', other, { pid: 22 }),
      );
    expect(done([all(0, 450, 400), all(200, 400, 460)], { up: none, specs: three })).toEqual([
      'emergency sidekiq-1, else nothing',
      'emergency sidekiq-1, else nothing',
    ]);
  });

  test('a sidekiq that is up and has grown is restarted, or the dyno stops, though puma is not up', () => {
    expect(done([rest, held(1000, 200, 760)], { up: new Set(['sidekiq']) })).toEqual(['emergency sidekiq']);
  });

  test('a sidekiq that is up and was as big at its rest is not restarted', () => {
    expect(done([held(0, 200, 760), held(1000, 200, 770)], { up: new Set(['sidekiq']) })).toEqual([]);
  });

  test('a puma behind the router that starts is not restarted, since it needs as much again', () => {
    const routed = { specs: [routedPuma(), child('sidekiq')], up: none };
    expect(done([held(0, 800, 150)], routed)).toEqual([]);
    expect(done([rest, held(1000, 800, 150)], { ...routed, up: new Set(['puma']) })).toEqual(['emergency puma']);
  });
});

describe('a dyno that does not fit its quota', () => {
  const tight = [held(0, 250, 550), held(60_000, 250, 550)];
  const action = (...more: MemoryReading[]): string[] => done([...tight, ...more]).slice(1);

  test('helpers are ended, and killed', () => {
    expect(action(held(61_000, 250, 550, 140), held(62_000, 250, 550, 160))).toEqual([
      'end convert 21 after 2000',
      'end convert 21 after 0',
    ]);
  });

  test('relieve: no graceful restart', () => {
    expect(action(held(61_000, 250, 670))).toEqual([]);
  });

  test('emergency: a sidekiq is restarted where that brings the dyno back below the mark, and the dyno never stops', () => {
    expect(action(held(61_000, 250, 720))).toEqual(['emergency sidekiq, else nothing']);
    expect(action(held(61_000, 250, 990))).toEqual(['emergency sidekiq at once, else nothing']);
    expect(action(held(61_000, 450, 560))).toEqual([]);
  });

  test('emergency: no restart that would leave the dyno above the mark', () => {
    const full = [held(0, 500, 550), held(60_000, 500, 550), held(61_000, 500, 650)];
    expect(done(full).slice(1)).toEqual([]);
  });
});

describe('no wrong end', () => {
  test('a quota that is smaller than one child: said once, after a minute, and no child is restarted', () => {
    const small = { limits: limitsOf(64) };
    const history = [atRest(0), held(59_000, 200, 150), atRest(60_000), held(61_000, 200, 350), atRest(90_000)];
    expect(inShort(history, small)).toEqual([
      ['547 %: the largest is puma with 200 MB'],
      [],
      [
        '547 % ever since all children are ready: the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps',
      ],
      [],
      [],
    ]);
  });

  test('above relieve from the first reading on and below it a moment later: the quota is right', () => {
    const history = [held(0, 200, 600), held(1000, 200, 150), held(2000, 200, 600)];
    expect(inShort(history).at(-1)?.at(-1)).toBe('restart sidekiq gracefully');
  });

  test('ups and downs at the mark are told once', () => {
    const sizes = [768, 766, 770, 765, 772].map((all, index) => held(1000 * index + 1000, all - 150, 150));
    expect(
      inShort([rest, ...sizes])
        .flat()
        .filter((text) => text.includes('no restart would help')),
    ).toHaveLength(1);
  });

  test('while children start none is restarted where that would not help, whatever they need', () => {
    const boot = [held(0, 900, 100), held(1000, 1000, 100)];
    expect(inShort(boot, { up: new Set(['puma']) }).flat()).toEqual(['195 %: the largest is puma with 900 MB']);
    expect(inShort(boot, { up: none }).flat()).toEqual(['195 %: the largest is puma with 900 MB']);
  });

  test('a child that runs on demand: nobody waits for it to know that the dyno fits, or does not', () => {
    const with3 = [...specs, onDemand('streaming', 900_000)];
    expect(inShort([rest, held(1000, 200, 600)], { specs: with3 })[1]?.at(-1)).toBe('restart sidekiq gracefully');
    const small = { specs: with3, limits: limitsOf(64) };
    expect(inShort([atRest(0), atRest(60_000)], small)[1]?.[0]).toMatch(/ever since all children are ready/);
  });

  test('a clock that stands still or steps back', () => {
    expect(inShort([atRest(5000), held(5000, 200, 150, 430), held(4000, 200, 150, 100)]).flat()).toHaveLength(2);
  });

  test('an empty reading', () => {
    expect(inShort([reading(0), reading(1)])).toEqual([[], []]);
  });
});
