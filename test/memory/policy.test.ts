import { describe, expect, test } from 'vitest';
import type { MemoryReading } from '../../src/host.ts';
import { type Limits, INITIAL_STATE, type MemoryAction } from '../../src/memory/policy-state.ts';
import { decide } from '../../src/memory/policy.ts';
import { takeSnapshot } from '../../src/memory/snapshot.ts';
import type { ChildSpec } from '../../src/plan/spec.ts';
import { child, onDemand, routedPuma } from '../fakes/plan.ts';
import { atRest, allReady, limits, limitsOf, reading, specs, use } from './readings.ts';

type Options = { ready?: ReadonlySet<string>; limits?: Limits; specs?: readonly ChildSpec[] };

/** The actions after each reading of a history. */
function decideAll(readings: readonly MemoryReading[], options: Options = {}): MemoryAction[][] {
  let state = INITIAL_STATE;
  let before: MemoryReading | null = null;
  return readings.map((current) => {
    const snapshot = takeSnapshot(current, before);
    before = current;
    const [after, ...actions] = decide(state, {
      snapshot,
      ready: options.ready ?? allReady,
      specs: options.specs ?? specs,
      limits: options.limits ?? limits,
    });
    state = after;
    return actions;
  });
}

function summarize(readings: readonly MemoryReading[], options: Options = {}): string[][] {
  return decideAll(readings, options).map((actions) => actions.map(describeAction));
}

function describeAction(action: MemoryAction): string {
  switch (action.type) {
    case 'report':
      return action.text.startsWith('memory')
        ? action.text.replace(/^memory \d+ of \d+ MB \((\d+) %\)/, '$1 %')
        : action.text;
    case 'restart':
      if (action.mode === 'graceful') return `restart ${action.child} gracefully`;
      return `emergency ${action.child ?? 'the dyno'}${action.immediate ? ' at once' : ''}${action.lastResort === 'none' ? ', else nothing' : ''}`;
    case 'end-process':
      return `end ${action.name} ${action.id.pid} after ${action.killAfterMs}`;
  }
}

/** A reading of puma, sidekiq and a convert that sidekiq started, in MB. */
function readingOf(atMs: number, puma: number, sidekiq: number, convert = 0): MemoryReading {
  const helper = convert === 0 ? [] : [use('sidekiq', 'convert', convert)];
  return reading(atMs, use('puma', 'ruby3.1', puma), use('sidekiq', 'ruby3.1', sidekiq), ...helper);
}
const baseline = atRest(0);

describe('warn', () => {
  test('once, naming the largest process; again only after a drop below the lower threshold', () => {
    const sizes = [350, 500, 513, 600, 480, 600, 455, 520].map((all, index) => readingOf(1000 * index, 200, all - 200));
    expect(summarize(sizes)).toEqual([
      [],
      [],
      ['100 %: largest is sidekiq, 313 MB'],
      [],
      [],
      [],
      [],
      ['102 %: largest is sidekiq, 320 MB'],
    ]);
  });

  test('a helper is named with the child that started it, other processes of the cgroup as such', () => {
    expect(summarize([baseline, readingOf(1000, 100, 100, 400)])[1]).toEqual([
      '117 %: largest is convert (started by sidekiq), 400 MB and growing 400 MB/s',
    ]);
    expect(summarize([{ ...readingOf(1, 100, 100), cgroupBytes: limits.bytes }])[0]).toEqual([
      '100 %: largest is other processes of the cgroup, 312 MB',
    ]);
  });
});

describe('act', () => {
  test('a helper above a quarter of the quota: SIGTERM, SIGKILL 2 s later, reported once', () => {
    const actions = decideAll([baseline, readingOf(1000, 200, 150, 430), readingOf(1200, 200, 150, 440)]);
    expect(actions[1]?.at(-1)).toEqual({
      type: 'end-process',
      id: { pid: 21, started: '5' },
      name: 'convert',
      killAfterMs: 2000,
      reason: 'memory 780 of 512 MB (152 %): convert (started by sidekiq), 430 MB and growing 430 MB/s',
    });
    expect(actions[2]).toEqual([]);
  });

  test('a helper of a quarter or less is left alone', () => {
    const full = readingOf(1000, 200, 450, 128);
    expect(summarize([baseline, full])[1]?.slice(1)).toEqual(['restart sidekiq gracefully']);
  });

  test('the largest of several helpers, then the next', () => {
    const twoHelpers = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...baseline.processes,
        ...sizes.map((size, index) => use('sidekiq', 'ffmpeg', size, { pid: 30 + index, parent: 20 })),
      );
    expect(
      summarize([baseline, twoHelpers(60_000, 200, 300), twoHelpers(60_200, 200, 300), twoHelpers(63_500, 450)]).map(
        (texts) => texts.at(-1),
      ),
    ).toEqual([undefined, 'end ffmpeg 31 after 2000', undefined, 'end ffmpeg 30 after 2000']);
  });

  test('helpers that are above a quarter only together: the largest, then the next', () => {
    const fourHelpers = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...baseline.processes,
        ...sizes.map((size, index) => use('sidekiq', 'convert', size, { pid: 30 + index, parent: 20 })),
      );
    const all = [
      baseline,
      fourHelpers(60_000, 105, 110, 100, 110),
      fourHelpers(60_200, 105, 110, 100, 110),
      fourHelpers(65_001, 140, 140, 140),
    ];
    expect(summarize(all).map((texts) => texts.at(-1))).toEqual([
      undefined,
      'end convert 31 after 2000',
      undefined,
      'end convert 30 after 2000',
    ]);
  });

  test('a new helper with a reused pid is ended as well', () => {
    const again = reading(9000, ...baseline.processes, use('sidekiq', 'convert', 450, { started: '99' }));
    expect(
      summarize([baseline, readingOf(1000, 200, 150, 430), atRest(5000), again])
        .at(-1)
        ?.at(-1),
    ).toBe('end convert 21 after 2000');
  });

  test('without a helper: the sidekiq that has grown most since it was at rest', () => {
    const both = [child('puma'), child('sidekiq-1'), child('sidekiq-2')];
    const all = (atMs: number, first: number, second: number): MemoryReading =>
      reading(
        atMs,
        use('puma', 'ruby3.1', 200),
        use('sidekiq-1', 'ruby3.1', first),
        use('sidekiq-2', 'ruby3.1', second, { pid: 22 }),
      );
    const ready = new Set(['puma', 'sidekiq-1', 'sidekiq-2']);
    const actions = decideAll([all(0, 250, 100), all(1000, 310, 300)], { specs: both, ready });
    expect(actions[1]?.at(-1)).toEqual({
      type: 'restart',
      mode: 'graceful',
      child: 'sidekiq-2',
      reason: 'memory 810 of 512 MB (158 %): sidekiq-2, 300 MB, 200 MB more than at rest',
    });
  });

  test('no restart that would free less than a tenth of the quota', () => {
    expect(summarize([readingOf(0, 200, 400), readingOf(60_000, 330, 450)])[1]?.at(-1)).toMatch(
      /no restart would help/,
    );
  });

  test('a graceful restart has three minutes, then it is requested again', () => {
    const high = [1000, 2000, 180_000, 181_001].map((atMs) => readingOf(atMs, 200, 600));
    expect(summarize([baseline, ...high]).map((texts) => texts.includes('restart sidekiq gracefully'))).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  test('without a sidekiq: the largest worker of a puma cluster, SIGTERM only, one a minute', () => {
    const cluster = [child('puma', { memory: { ...child('puma').memory, workers: 2 } }), child('sidekiq')];
    const workers = (atMs: number, ...sizes: number[]): MemoryReading =>
      reading(
        atMs,
        ...baseline.processes,
        ...sizes.map((size, index) => use('puma', 'ruby3.1', size, { pid: 11 + index, parent: 10 })),
      );
    const history = [
      workers(0, 60, 60),
      workers(60_000, 250, 260),
      workers(61_000, 200, 210),
      workers(61_400, 250, 260),
      workers(120_001, 430, 20),
    ];
    expect(summarize(history, { specs: cluster }).map((texts) => texts.at(-1))).toEqual([
      undefined,
      'end puma worker 12 after null',
      undefined,
      undefined,
      'end puma worker 11 after null',
    ]);
    const others = [workers(0, 60, 60), { ...workers(1000, 60, 60), cgroupBytes: 1.6 * limits.bytes }];
    expect(summarize(others, { specs: cluster })[1]?.at(-1)).toMatch(
      /no restart would help: largest is other processes of the cgroup/,
    );
  });

  test('a puma in single mode: no action, reported once', () => {
    const actions = summarize([
      baseline,
      readingOf(1000, 700, 150),
      readingOf(2000, 710, 150),
      atRest(3000),
      readingOf(4000, 700, 150),
    ]);
    const noRestartHelps = 'no restart would help: largest is puma, 700 MB. Use fewer threads or a larger dyno';
    expect(actions.map((texts) => texts.filter((text) => text.includes('no restart would help')))).toEqual([
      [],
      [`166 %, and ${noRestartHelps}`],
      [],
      [],
      [`166 %, and ${noRestartHelps}`],
    ]);
  });
});

describe('a puma behind the router', () => {
  const routed = { specs: [routedPuma(), child('sidekiq')] };

  test('act: puma is restarted gracefully if no sidekiq can be', () => {
    expect(summarize([baseline, readingOf(60_000, 700, 150)], routed)[1]?.at(-1)).toBe('restart puma gracefully');
    expect(summarize([baseline, readingOf(60_000, 600, 250)], routed)[1]?.at(-1)).toBe('restart sidekiq gracefully');
    expect(summarize([readingOf(0, 360, 390), readingOf(60_000, 390, 400)], routed)[1]?.at(-1)).toMatch(
      /no restart would help/,
    );
  });

  test('emergency: puma is restarted if no sidekiq can be', () => {
    expect(summarize([baseline, readingOf(60_000, 800, 150)], routed)[1]?.at(-1)).toBe('emergency puma');
    expect(summarize([baseline, readingOf(60_000, 700, 250)], routed)[1]?.at(-1)).toBe('emergency sidekiq');
  });

  test('a worker of its cluster goes first', () => {
    const puma = routedPuma();
    const cluster = [{ ...puma, memory: { ...puma.memory, workers: 1 } }, child('sidekiq')];
    const workers = (atMs: number, size: number): MemoryReading =>
      reading(atMs, ...baseline.processes, use('puma', 'ruby3.1', size, { pid: 11, parent: 10 }));
    expect(summarize([workers(0, 60), workers(60_000, 450)], { specs: cluster })[1]?.at(-1)).toBe(
      'end puma worker 11 after null',
    );
  });
});

describe('emergency', () => {
  test('SIGKILL for the fastest growing helper', () => {
    const twoHelpers = (atMs: number, first: number, second: number): MemoryReading =>
      reading(
        atMs,
        ...baseline.processes,
        use('sidekiq', 'convert', first, { pid: 30, parent: 20 }),
        use('puma', 'ffmpeg', second, { pid: 31, parent: 10 }),
      );
    const actions = decideAll([baseline, twoHelpers(1000, 300, 50), twoHelpers(1200, 320, 280)]);
    expect(actions[2]?.at(-1)).toMatchObject({ id: { pid: 31 }, killAfterMs: 0 });
    expect(actions[2]?.at(-1)).toHaveProperty(
      'reason',
      'memory 950 of 512 MB (186 %), the platform kills at 200 %: ffmpeg (started by puma), 280 MB and growing 1150 MB/s',
    );
  });

  test('a helper after SIGTERM gets SIGKILL now; after SIGKILL its exit is awaited', () => {
    const history = [
      baseline,
      readingOf(1000, 200, 150, 430),
      readingOf(1200, 200, 150, 600),
      readingOf(1400, 200, 150, 610),
    ];
    expect(summarize(history).map((texts) => texts.at(-1))).toEqual([
      undefined,
      'end convert 21 after 2000',
      'end convert 21 after 0',
      undefined,
    ]);
  });

  test('growth that would reach the kill threshold before the next readings is enough', () => {
    expect(
      summarize([baseline, readingOf(900, 200, 150, 300), readingOf(1000, 200, 150, 430)])
        .at(-1)
        ?.at(-1),
    ).toBe('end convert 21 after 0');
  });

  test('a helper that survives SIGKILL does not block the next action', () => {
    const stuck = [60_000, 62_000, 63_100].map((atMs) => readingOf(atMs, 200, 450, 330));
    expect(summarize([baseline, ...stuck]).map((texts) => texts.at(-1))).toEqual([
      undefined,
      'end convert 21 after 0',
      undefined,
      'emergency sidekiq',
    ]);
  });

  test('growth alone neither restarts a child at once nor stops the dyno', () => {
    expect(
      summarize([baseline, readingOf(100, 200, 600)])
        .at(-1)
        ?.at(-1),
    ).toBe('restart sidekiq gracefully');
    expect(
      summarize([baseline, readingOf(100, 650, 150)])
        .at(-1)
        ?.at(-1),
    ).toMatch(/no restart would help/);
  });

  test('a small helper is left alone: the largest sidekiq is restarted', () => {
    expect(summarize([baseline, readingOf(60_000, 200, 730, 30)])[1]?.at(-1)).toBe('emergency sidekiq');
  });

  test('halfway to the kill threshold the restart is immediate', () => {
    expect(summarize([baseline, readingOf(60_000, 200, 790)])[1]?.at(-1)).toBe('emergency sidekiq at once');
  });

  test('no child to restart: the dyno, at every reading, since the supervisor decides', () => {
    const full = [60_000, 60_200].map((atMs) => readingOf(atMs, 810, 150));
    expect(summarize([baseline, ...full]).map((texts) => texts.at(-1))).toEqual([
      undefined,
      'emergency the dyno',
      'emergency the dyno',
    ]);
  });
});

const noneReady = new Set<string>();

/** The actions of a history, without warnings. */
function actionsOf(readings: readonly MemoryReading[], options: Options = {}): string[] {
  return summarize(readings, options)
    .flat()
    .filter((text) => !text.includes(': largest is'));
}

/** Like readingOf() after a restart of sidekiq, which has another pid. */
function readingAfterRestart(atMs: number, puma: number, sidekiq: number): MemoryReading {
  return reading(atMs, use('puma', 'ruby3.1', puma), use('sidekiq', 'ruby3.1', sidekiq, { pid: 40 }));
}

describe.each<[string, ReadonlySet<string>]>([
  ['no child is ready', noneReady],
  ['only puma is ready', new Set(['puma'])],
  ['only sidekiq is ready', new Set(['sidekiq'])],
])('%s', (_, ready) => {
  test('act: a large helper gets SIGTERM, and SIGKILL 2 s later', () => {
    expect(actionsOf([baseline, readingOf(60_000, 200, 150, 430)], { ready })).toEqual(['end convert 21 after 2000']);
  });

  test('emergency: a helper is killed at once, without SIGTERM before', () => {
    expect(actionsOf([readingOf(0, 100, 50), readingOf(1000, 200, 150, 600)], { ready })).toEqual([
      'end convert 21 after 0',
    ]);
  });

  test('a helper that would reach the kill threshold before the next readings is killed', () => {
    const fast = [readingOf(0, 200, 150), readingOf(900, 200, 150, 300), readingOf(1000, 200, 150, 430)];
    expect(actionsOf(fast, { ready })).toEqual(['end convert 21 after 0']);
  });

  test('the very first reading is enough', () => {
    expect(actionsOf([readingOf(0, 200, 150, 600)], { ready })).toEqual(['end convert 21 after 0']);
  });

  test('act: no graceful restart, and no report that one would help', () => {
    expect(actionsOf([baseline, readingOf(1000, 200, 600), readingOf(2000, 200, 650)], { ready })).toEqual([]);
  });

  test('emergency: a growing puma does not stop the dyno', () => {
    expect(actionsOf([baseline, readingOf(1000, 820, 150), readingOf(2000, 850, 150)], { ready })).toEqual([]);
  });
});

describe('emergency before all children are ready', () => {
  test.each([
    {
      name: 'a large sidekiq that is not ready is restarted, at once halfway to the kill threshold',
      readings: [
        readingOf(0, 100, 50),
        readingOf(1000, 200, 760),
        readingOf(1200, 200, 790),
        readingOf(1400, 200, 800),
      ],
      actions: [
        'emergency sidekiq, else nothing',
        'emergency sidekiq at once, else nothing',
        'emergency sidekiq at once, else nothing',
      ],
    },
    {
      name: 'a helper goes first, and gets time to exit',
      readings: [readingOf(1000, 200, 400, 400), readingOf(1200, 200, 400, 400), readingOf(4500, 200, 760)],
      actions: ['end convert 21 after 0', 'emergency sidekiq, else nothing'],
    },
    {
      name: 'if its next start needs as much, that is reported once and no restart follows',
      readings: [
        readingOf(0, 200, 760),
        readingAfterRestart(5000, 200, 300),
        readingAfterRestart(9000, 200, 760),
        readingAfterRestart(9200, 200, 800),
      ],
      actions: [
        'emergency sidekiq, else nothing',
        '188 %, and sidekiq was restarted for that already: the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps',
      ],
    },
  ])('$name', ({ readings, actions }) => {
    expect(actionsOf(readings, { ready: noneReady })).toEqual(actions);
  });

  test('if all are ready and fit after the restart, a sidekiq that grows again is restarted as usual', () => {
    const after = [readingAfterRestart(5000, 200, 150), readingAfterRestart(700_000, 200, 760)];
    let state = INITIAL_STATE;
    const actionsAfterEach = [readingOf(0, 200, 760), ...after].map((current) => {
      const ready = current.atMs >= 5000 ? allReady : noneReady;
      const [next, ...actions] = decide(state, { snapshot: takeSnapshot(current, null), ready, specs, limits });
      state = next;
      return actions.map(describeAction).at(-1);
    });
    expect(actionsAfterEach).toEqual(['emergency sidekiq, else nothing', undefined, 'emergency sidekiq']);
  });

  test('of several starting sidekiq processes only one is restarted, until it has exited', () => {
    const three = [child('puma'), child('sidekiq-1'), child('sidekiq-2')];
    const all = (atMs: number, first: number, second: number): MemoryReading =>
      reading(
        atMs,
        use('puma', 'ruby3.1', 100),
        use('sidekiq-1', 'ruby3.1', first),
        use('sidekiq-2', 'ruby3.1', second, { pid: 22 }),
      );
    expect(actionsOf([all(0, 450, 400), all(200, 400, 460)], { ready: noneReady, specs: three })).toEqual([
      'emergency sidekiq-1, else nothing',
      'emergency sidekiq-1, else nothing',
    ]);
  });

  test('a ready sidekiq that has grown is restarted, or the dyno stops, although puma is not ready', () => {
    expect(actionsOf([baseline, readingOf(1000, 200, 760)], { ready: new Set(['sidekiq']) })).toEqual([
      'emergency sidekiq',
    ]);
  });

  test('a ready sidekiq that was as large at rest is not restarted', () => {
    expect(actionsOf([readingOf(0, 200, 760), readingOf(1000, 200, 770)], { ready: new Set(['sidekiq']) })).toEqual([]);
  });

  test('a starting puma behind the router is not restarted, since it would need as much again', () => {
    const routed = { specs: [routedPuma(), child('sidekiq')], ready: noneReady };
    expect(actionsOf([readingOf(0, 800, 150)], routed)).toEqual([]);
    expect(actionsOf([baseline, readingOf(1000, 800, 150)], { ...routed, ready: new Set(['puma']) })).toEqual([
      'emergency puma',
    ]);
  });
});

describe('a dyno that does not fit its quota', () => {
  const tight = [readingOf(0, 250, 550), readingOf(60_000, 250, 550)];
  const action = (...more: MemoryReading[]): string[] => actionsOf([...tight, ...more]).slice(1);

  test('helpers are ended, and killed', () => {
    expect(action(readingOf(61_000, 250, 550, 140), readingOf(62_000, 250, 550, 160))).toEqual([
      'end convert 21 after 2000',
      'end convert 21 after 0',
    ]);
  });

  test('act: no graceful restart', () => {
    expect(action(readingOf(61_000, 250, 670))).toEqual([]);
  });

  test('emergency: a sidekiq is restarted if that gets below the threshold; the dyno never stops', () => {
    expect(action(readingOf(61_000, 250, 720))).toEqual(['emergency sidekiq, else nothing']);
    expect(action(readingOf(61_000, 250, 990))).toEqual(['emergency sidekiq at once, else nothing']);
    expect(action(readingOf(61_000, 450, 560))).toEqual([]);
  });

  test('emergency: no restart that would leave the dyno above the threshold', () => {
    const full = [readingOf(0, 500, 550), readingOf(60_000, 500, 550), readingOf(61_000, 500, 650)];
    expect(actionsOf(full).slice(1)).toEqual([]);
  });
});

describe('no needless action', () => {
  test('a quota smaller than one child is reported once, after a minute, and no child is restarted', () => {
    const tooSmall = { limits: limitsOf(64) };
    const history = [
      atRest(0),
      readingOf(59_000, 200, 150),
      atRest(60_000),
      readingOf(61_000, 200, 350),
      atRest(90_000),
    ];
    expect(summarize(history, tooSmall)).toEqual([
      ['547 %: largest is puma, 200 MB'],
      [],
      [
        '547 % ever since all children are ready: the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps',
      ],
      [],
      [],
    ]);
  });

  test('above the act threshold at first and below it a moment later: the dyno fits its quota', () => {
    const history = [readingOf(0, 200, 600), readingOf(1000, 200, 150), readingOf(2000, 200, 600)];
    expect(summarize(history).at(-1)?.at(-1)).toBe('restart sidekiq gracefully');
  });

  test('small changes around the threshold are reported once', () => {
    const sizes = [768, 766, 770, 765, 772].map((all, index) => readingOf(1000 * index + 1000, all - 150, 150));
    expect(
      summarize([baseline, ...sizes])
        .flat()
        .filter((text) => text.includes('no restart would help')),
    ).toHaveLength(1);
  });

  test('no starting child is restarted if that would not help', () => {
    const boot = [readingOf(0, 900, 100), readingOf(1000, 1000, 100)];
    expect(summarize(boot, { ready: new Set(['puma']) }).flat()).toEqual(['195 %: largest is puma, 900 MB']);
    expect(summarize(boot, { ready: noneReady }).flat()).toEqual(['195 %: largest is puma, 900 MB']);
  });

  test('a stopped on-demand child does not delay the check whether the dyno fits its quota', () => {
    const withStreaming = [...specs, onDemand('streaming', 900_000)];
    expect(summarize([baseline, readingOf(1000, 200, 600)], { specs: withStreaming })[1]?.at(-1)).toBe(
      'restart sidekiq gracefully',
    );
    const tooSmall = { specs: withStreaming, limits: limitsOf(64) };
    expect(summarize([atRest(0), atRest(60_000)], tooSmall)[1]?.[0]).toMatch(/ever since all children are ready/);
  });

  test('a clock that stands still or goes back is harmless', () => {
    expect(
      summarize([atRest(5000), readingOf(5000, 200, 150, 430), readingOf(4000, 200, 150, 100)]).flat(),
    ).toHaveLength(2);
  });

  test('an empty reading leads to no action', () => {
    expect(summarize([reading(0), reading(1)])).toEqual([[], []]);
  });
});
