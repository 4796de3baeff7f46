import { describe, expect, test } from 'vitest';
import { readSettings, type Environment } from '../../src/plan/settings.ts';
import { thresholdsOf } from '../../src/plan/thresholds.ts';
import { checkout, problemsOf, quota, serving } from './checkout.ts';

/** In per cent of the quota: warn, rearm, relieve, save, kill. */
function percents(env: Environment, killsAtPercent = 200): number[] {
  const of = quota('512M', killsAtPercent);
  const { thresholds, problems } = thresholdsOf(readSettings(env).settings, of);
  expect(problems).toEqual([]);
  const { warn, rearm, relieve, save, kill } = thresholds;
  return [warn, rearm, relieve, save, kill].map((bytes) => Math.round((bytes / of.bytes) * 1000) / 10);
}

function problems(env: Environment, killsAtPercent = 200): string[] {
  return thresholdsOf(readSettings(env).settings, quota('512M', killsAtPercent)).problems;
}

describe('defaults follow from where the platform kills', () => {
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

  test('none contradicts itself', () => {
    const all = Array.from({ length: 951 }, (_, more) => problems({}, 50 + more));
    expect(all.flat()).toEqual([]);
  });
});

test.each<[Environment, number[]]>([
  [{ SUPERVISE_MEMORY_WARN_AT: '90' }, [90, 80, 150, 185, 200]],
  [{ SUPERVISE_MEMORY_WARN_AT: '5' }, [5, 0, 150, 185, 200]],
  [{ SUPERVISE_MEMORY_RELIEVE_AT: '110' }, [100, 90, 110, 185, 200]],
  [{ SUPERVISE_MEMORY_SAVE_AT: '199' }, [100, 90, 150, 199, 200]],
  [{ SUPERVISE_MEMORY_KILLS_AT: '100', SUPERVISE_MEMORY_SAVE_AT: '99' }, [80, 70, 88, 99, 100]],
  [
    { SUPERVISE_MEMORY_WARN_AT: '1', SUPERVISE_MEMORY_RELIEVE_AT: '2', SUPERVISE_MEMORY_SAVE_AT: '3' },
    [1, 0, 2, 3, 200],
  ],
])('what is set wins: %o', (env, expected) => {
  expect(percents(env)).toEqual(expected);
});

test('are bytes', () => {
  const { thresholds } = thresholdsOf(readSettings({}).settings, quota('512M', 100));
  expect(thresholds).toEqual({
    warn: 429_496_730,
    rearm: 375_809_638,
    relieve: 472_446_403,
    save: 510_027_366,
    kill: 536_870_912,
  });
});

describe('contradictions', () => {
  const [WARN, RELIEVE, SAVE, KILLS] = ['WARN', 'RELIEVE', 'SAVE', 'KILLS'].map(
    (one) => `SUPERVISE_MEMORY_${one}_AT`,
  ) as [string, string, string, string];

  test.each<[Environment, number, string[]]>([
    [{ [WARN]: '160' }, 200, [`${WARN}=160: expected less than ${RELIEVE}=150 (its default here)`]],
    [{ [WARN]: '150' }, 200, [`${WARN}=150: expected less than ${RELIEVE}=150 (its default here)`]],
    [{ [RELIEVE]: '100' }, 200, [`${WARN}=100 (its default here): expected less than ${RELIEVE}=100`]],
    [{ [RELIEVE]: '190' }, 200, [`${RELIEVE}=190: expected less than ${SAVE}=185 (its default here)`]],
    [{ [SAVE]: '200' }, 200, [`${SAVE}=200: expected less than ${KILLS}=200 (its default here)`]],
    [{ [SAVE]: '185' }, 100, [`${SAVE}=185: expected less than ${KILLS}=100 (its default here)`]],
    [{ [SAVE]: '100', [KILLS]: '100' }, 200, [`${SAVE}=100: expected less than ${KILLS}=100`]],
    [
      { [WARN]: '90', [RELIEVE]: '80', [SAVE]: '70', [KILLS]: '60' },
      200,
      [
        `${WARN}=90: expected less than ${RELIEVE}=80`,
        `${RELIEVE}=80: expected less than ${SAVE}=70`,
        `${SAVE}=70: expected less than ${KILLS}=60`,
      ],
    ],
    [{ [RELIEVE]: '100' }, 120, []],
    [{ [RELIEVE]: '113' }, 120, [`${RELIEVE}=113: expected less than ${SAVE}=113 (its default here)`]],
  ])('%o where the platform kills at %i %%', (env, kill, expected) => {
    expect(problems(env, kill)).toEqual(expected);
  });

  test('are problems of the plan, all at once, for a dyno that is watched', () => {
    const place = checkout({ quota: quota('512M') });
    const env = { MAX_THREADS: 'many', [WARN]: '160', [SAVE]: '300' };
    expect(problemsOf('web', env, place)).toEqual([
      'MAX_THREADS="many": expected a whole number from 1 to 999',
      `${WARN}=160: expected less than ${RELIEVE}=150 (its default here)`,
      `${SAVE}=300: expected less than ${KILLS}=200 (its default here)`,
    ]);
    expect(problemsOf('web', { [WARN]: '160' }, checkout({ quota: null }))).toEqual([]);
    expect(problemsOf('release', { [WARN]: '160' }, place)).toEqual([]);
    expect(serving('web', {}, place).memory.quota).toMatchObject(quota('512M'));
  });
});
