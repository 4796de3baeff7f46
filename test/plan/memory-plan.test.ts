import { describe, expect, test } from 'vitest';
import { type Environment, readSettings } from '../../src/config/settings.ts';
import { thresholdsOf } from '../../src/plan/memory-plan.ts';
import type { ChildSpec, RestartMethod } from '../../src/plan/spec.ts';
import { checkout, problemsOf, quota, serving, warningsOf } from './checkout.ts';

const small = checkout({ quota: quota('512M') });
const unknown = checkout({ quota: null });

describe('the guard', () => {
  test.each<[Environment, string]>([
    [{}, 'on'],
    [{ SUPERVISE_MEMORY_GUARD: 'on' }, 'on'],
    [{ SUPERVISE_MEMORY_GUARD: 'warn' }, 'warn'],
    [{ SUPERVISE_MEMORY_GUARD: 'off' }, 'off'],
  ])('with %o: %s with a quota, off without', (env, guard) => {
    expect(serving('web', env, small).memory).toMatchObject({ guard, quota: { bytes: 2 ** 29 } });
    expect(serving('web', env, unknown).memory).toMatchObject({ guard: 'off', quota: null });
  });

  test('warns if there is no quota', () => {
    const warning = 'no memory limit found; set SUPERVISE_MEMORY_QUOTA=512M to enable the memory guard';
    const warnings = (guard?: string): readonly string[] =>
      warningsOf('worker', { SUPERVISE_MEMORY_GUARD: guard, SUPERVISE_MEMORY_WARN_AT: '90' }, unknown);
    expect(warnings()).toEqual([warning]);
    expect(warnings('')).toEqual(warnings());
    expect(warnings('off')).toEqual([]);
    for (const guard of ['on', 'warn']) {
      expect(warnings(guard)).toEqual([`SUPERVISE_MEMORY_GUARD=${guard} has no effect: ${warning}`]);
    }
    expect(warningsOf('release', {}, unknown)).toEqual([]);
    expect(warningsOf('release', { RUN_STREAMING: 'true' }, unknown)).toEqual([]);
  });
});

test.each<[Environment, number | null, string]>([
  [{}, null, 'worker.1'],
  [{ SUPERVISE_MEMORY_LOG: '20' }, 20_000, 'worker.1'],
  [{ DYNO: 'worker.3' }, null, 'worker.3'],
  [{ DYNO: 'web-abc-1', SUPERVISE_MEMORY_LOG: '1' }, 1000, 'web-abc-1'],
  [{ DYNO: '' }, null, 'worker.1'],
])('metrics lines with %o', (env, logEveryMs, source) => {
  expect(serving('worker', env, small).memory).toMatchObject({ logEveryMs, source });
  expect(serving('worker', env, unknown).memory).toMatchObject({ logEveryMs, source });
});

describe('restarts', () => {
  function restarts(env: Environment, jitter = 0.5): (RestartMethod | null)[] {
    return serving('worker', env, checkout({ jitter })).children.map(({ memory }: ChildSpec) => memory.restart);
  }

  test('without a router, only sidekiq can be restarted', () => {
    const kinds = serving('web', { RUN_WORKER: 'true' }).children.map(({ kind, memory }) => [
      kind,
      memory.restart !== null,
    ]);
    expect(kinds).toEqual([
      ['puma', false],
      ['sidekiq', true],
    ]);
    expect(serving('web', { RUN_STREAMING: 'true' }).children[0]?.memory.restart).toBeNull();
  });

  test('the kernel kills sidekiq first and puma last', () => {
    const scores = ['puma', 'streaming'].map(
      (first) => serving('web', first === 'puma' ? {} : { RUN_STREAMING: 'true' }).children[0]?.memory.oomScoreAdj,
    );
    expect([...scores, serving('worker', {}).children[0]?.memory.oomScoreAdj]).toEqual([100, 200, 300]);
  });

  test('SIGTSTP comes first, and the time to become idle can be set', () => {
    expect(restarts({})[0]).toMatchObject({ quietSignal: 'SIGTSTP', quietMs: 60_000, everyMs: null });
    expect(restarts({ SUPERVISE_RECYCLE_QUIET: '5' })[0]).toMatchObject({ quietMs: 5000 });
  });

  test('periodic, with an interval that varies by a tenth', () => {
    const every = (jitter: number): (number | null | undefined)[] =>
      restarts({ SUPERVISE_RECYCLE_EVERY: '10h' }, jitter).map((restart) => restart?.everyMs);
    expect([0, 0.5, 1 - 2 ** -30].map(every)).toEqual([[32_400_000], [36_000_000], [39_600_000]]);
  });

  test('several sidekiq processes restart at different times', () => {
    const env = { SUPERVISE_RECYCLE_EVERY: '10h', SIDEKIQ_PROCESSES: '1 1 1 1' };
    const times = restarts(env, 0.9).map((restart) => restart?.everyMs ?? 0);
    const sorted = [...times].sort((a, b) => a - b);
    const gaps = sorted.slice(1).map((time, index) => time - (sorted[index] ?? 0));
    expect(sorted[0]).toBeGreaterThanOrEqual(32_400_000);
    expect(sorted[3]).toBeLessThanOrEqual(39_600_000);
    expect(Math.min(...gaps)).toBeGreaterThan(600_000);
  });

  test.each([
    ['sidekiq 6.4.1 app [0 of 5 busy] stopping', true],
    ['sidekiq 8.1.6 mastodon [0 of 25 busy] stopping   ', true],
    ['sidekiq 6.4.1  [0 of 1 busy] stopping', true],
    ['sidekiq 6.4.1 ra [0 of 1 busy] sto', true],
    ['sidekiq 6.4.1 app [1 of 5 busy] stopping', false],
    ['sidekiq 6.4.1 app [10 of 25 busy] stopping', false],
    ['sidekiq 6.4.1 app [0 of 5 busy]', false],
    ['sidekiq 6.4.1 app [0 of 5 busy]     ', false],
    ['sidekiq 6.4.1 app [0 of 5 bus', false],
    ['/usr/bin/ruby /usr/bin/sidekiq -c 5 -t 25', false],
    ['', false],
  ])('%j: idle after SIGTSTP is %s', (title, idle) => {
    expect(new RegExp(restarts({})[0]?.idleTitle ?? '').test(title)).toBe(idle);
  });
});

/** Percentages of the quota: warn, rearm, act, emergency, kill. */
function percents(env: Environment, killsAtPercent = 200): number[] {
  const memory = quota('512M', killsAtPercent);
  const { thresholds, problems } = thresholdsOf(readSettings(env).settings, memory);
  expect(problems).toEqual([]);
  const { warn, rearm, act, emergency, kill } = thresholds;
  return [warn, rearm, act, emergency, kill].map((bytes) => Math.round((bytes / memory.bytes) * 1000) / 10);
}

function problems(env: Environment, killsAtPercent = 200): string[] {
  return thresholdsOf(readSettings(env).settings, quota('512M', killsAtPercent)).problems;
}

describe('defaults depend on where the platform kills', () => {
  test.each([
    [200, [100, 90, 150, 185, 200]],
    [100, [80, 70, 88, 95, 100]],
    [120, [84, 74, 100.4, 113, 120]],
    [150, [90, 80, 119, 140, 150]],
    [400, [140, 130, 274, 365, 400]],
    [50, [40, 30, 44, 47.5, 50]],
  ])('at %i %%', (kill, expected) => {
    expect(percents({}, kill)).toEqual(expected);
    expect(percents({ SUPERVISE_MEMORY_KILLS_AT: `${kill}` })).toEqual(expected);
  });

  test('all defaults are in order', () => {
    const all = Array.from({ length: 951 }, (_, more) => problems({}, 50 + more));
    expect(all.flat()).toEqual([]);
  });
});

test.each<[Environment, number[]]>([
  [{ SUPERVISE_MEMORY_WARN_AT: '90' }, [90, 80, 150, 185, 200]],
  [{ SUPERVISE_MEMORY_WARN_AT: '5' }, [5, 0, 150, 185, 200]],
  [{ SUPERVISE_MEMORY_ACT_AT: '110' }, [100, 90, 110, 185, 200]],
  [{ SUPERVISE_MEMORY_EMERGENCY_AT: '199' }, [100, 90, 150, 199, 200]],
  [{ SUPERVISE_MEMORY_KILLS_AT: '100', SUPERVISE_MEMORY_EMERGENCY_AT: '99' }, [80, 70, 88, 99, 100]],
  [
    { SUPERVISE_MEMORY_WARN_AT: '1', SUPERVISE_MEMORY_ACT_AT: '2', SUPERVISE_MEMORY_EMERGENCY_AT: '3' },
    [1, 0, 2, 3, 200],
  ],
])('settings override defaults: %o', (env, expected) => {
  expect(percents(env)).toEqual(expected);
});

test('thresholds are in bytes', () => {
  const { thresholds } = thresholdsOf(readSettings({}).settings, quota('512M', 100));
  expect(thresholds).toEqual({
    warn: 429_496_730,
    rearm: 375_809_638,
    act: 472_446_403,
    emergency: 510_027_366,
    kill: 536_870_912,
  });
});

describe('contradictions', () => {
  const [WARN, ACT, EMERGENCY, KILLS] = ['WARN', 'ACT', 'EMERGENCY', 'KILLS'].map(
    (name) => `SUPERVISE_MEMORY_${name}_AT`,
  ) as [string, string, string, string];

  test.each<[Environment, number, string[]]>([
    [{ [WARN]: '160' }, 200, [`${WARN}=160: expected less than ${ACT}=150 (the default here)`]],
    [{ [WARN]: '150' }, 200, [`${WARN}=150: expected less than ${ACT}=150 (the default here)`]],
    [{ [ACT]: '100' }, 200, [`${WARN}=100 (the default here): expected less than ${ACT}=100`]],
    [{ [ACT]: '190' }, 200, [`${ACT}=190: expected less than ${EMERGENCY}=185 (the default here)`]],
    [{ [EMERGENCY]: '200' }, 200, [`${EMERGENCY}=200: expected less than ${KILLS}=200 (the default here)`]],
    [{ [EMERGENCY]: '185' }, 100, [`${EMERGENCY}=185: expected less than ${KILLS}=100 (the default here)`]],
    [{ [EMERGENCY]: '100', [KILLS]: '100' }, 200, [`${EMERGENCY}=100: expected less than ${KILLS}=100`]],
    [
      { [WARN]: '90', [ACT]: '80', [EMERGENCY]: '70', [KILLS]: '60' },
      200,
      [
        `${WARN}=90: expected less than ${ACT}=80`,
        `${ACT}=80: expected less than ${EMERGENCY}=70`,
        `${EMERGENCY}=70: expected less than ${KILLS}=60`,
      ],
    ],
    [{ [ACT]: '100' }, 120, []],
    [{ [ACT]: '113' }, 120, [`${ACT}=113: expected less than ${EMERGENCY}=113 (the default here)`]],
  ])('%o where the platform kills at %i %%', (env, kill, expected) => {
    expect(problems(env, kill)).toEqual(expected);
  });

  test('are reported with the other problems, for a dyno with a memory guard', () => {
    const machine = checkout({ quota: quota('512M') });
    const env = { MAX_THREADS: 'many', [WARN]: '160', [EMERGENCY]: '300' };
    expect(problemsOf('web', env, machine)).toEqual([
      'MAX_THREADS="many": expected a whole number from 1 to 999',
      `${WARN}=160: expected less than ${ACT}=150 (the default here)`,
      `${EMERGENCY}=300: expected less than ${KILLS}=200 (the default here)`,
    ]);
    expect(problemsOf('web', { [WARN]: '160' }, checkout({ quota: null }))).toEqual([]);
    expect(problemsOf('release', { [WARN]: '160' }, machine)).toEqual([]);
    expect(serving('web', {}, machine).memory.quota).toMatchObject(quota('512M'));
  });
});
