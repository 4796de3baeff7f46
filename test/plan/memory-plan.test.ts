import { describe, expect, test } from 'vitest';
import type { Environment } from '../../src/plan/settings.ts';
import type { ChildSpec, Recycle } from '../../src/plan/spec.ts';
import { checkout, quota, serving, warningsOf } from './checkout.ts';

const small = checkout({ quota: quota('512M') });
const unknown = checkout({ quota: null });

describe('the guard', () => {
  test.each<[Environment, string]>([
    [{}, 'on'],
    [{ SUPERVISE_MEMORY_GUARD: 'on' }, 'on'],
    [{ SUPERVISE_MEMORY_GUARD: 'warn' }, 'warn'],
    [{ SUPERVISE_MEMORY_GUARD: 'off' }, 'off'],
  ])('with %o: %s where a quota is known, off where none is', (env, guard) => {
    expect(serving('web', env, small).memory).toMatchObject({ guard, quota: { bytes: 2 ** 29 } });
    expect(serving('web', env, unknown).memory).toMatchObject({ guard: 'off', quota: null });
  });

  test('no quota is said once', () => {
    const remedy = 'set SUPERVISE_MEMORY_QUOTA, such as 512M';
    const told = (guard?: string): readonly string[] =>
      warningsOf('worker', { SUPERVISE_MEMORY_GUARD: guard, SUPERVISE_MEMORY_WARN_AT: '90' }, unknown);
    expect(told()).toEqual([`nobody says what memory there is, so nothing watches it: ${remedy}`]);
    expect(told('')).toEqual(told());
    expect(told('off')).toEqual([]);
    for (const guard of ['on', 'warn']) {
      expect(told(guard)).toEqual([
        `SUPERVISE_MEMORY_GUARD=${guard} does nothing, because nobody says what memory there is: ${remedy}`,
      ]);
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
])('log lines with %o', (env, logEveryMs, source) => {
  expect(serving('worker', env, small).memory).toMatchObject({ logEveryMs, source });
  expect(serving('worker', env, unknown).memory).toMatchObject({ logEveryMs, source });
});

describe('recycling', () => {
  function recycles(env: Environment, jitter = 0.5): (Recycle | null)[] {
    return serving('worker', env, checkout({ jitter })).children.map(({ memory }: ChildSpec) => memory.recycle);
  }

  test('is for sidekiq alone', () => {
    const kinds = serving('web', { RUN_WORKER: 'true' }).children.map(({ kind, memory }) => [
      kind,
      memory.recycle !== null,
    ]);
    expect(kinds).toEqual([
      ['puma', false],
      ['sidekiq', true],
    ]);
    expect(serving('web', { RUN_STREAMING: 'true' }).children[0]?.memory.recycle).toBeNull();
  });

  test('the kernel takes sidekiq first, puma last', () => {
    const scores = ['puma', 'streaming'].map(
      (first) => serving('web', first === 'puma' ? {} : { RUN_STREAMING: 'true' }).children[0]?.memory.oomScoreAdj,
    );
    expect([...scores, serving('worker', {}).children[0]?.memory.oomScoreAdj]).toEqual([100, 200, 300]);
  });

  test('quiet by TSTP, as long as is said', () => {
    expect(recycles({})[0]).toMatchObject({ quiet: 'SIGTSTP', quietMs: 60_000, everyMs: null });
    expect(recycles({ SUPERVISE_RECYCLE_QUIET: '5' })[0]).toMatchObject({ quietMs: 5000 });
  });

  test('without need: every so often, a tenth more or less', () => {
    const every = (jitter: number): (number | null | undefined)[] =>
      recycles({ SUPERVISE_RECYCLE_EVERY: '10h' }, jitter).map((recycle) => recycle?.everyMs);
    expect([0, 0.5, 1 - 2 ** -30].map(every)).toEqual([[32_400_000], [36_000_000], [39_600_000]]);
  });

  test('several sidekiqs do so apart from one another', () => {
    const env = { SUPERVISE_RECYCLE_EVERY: '10h', SIDEKIQ_PROCESSES: '1 1 1 1' };
    const times = recycles(env, 0.9).map((recycle) => recycle?.everyMs ?? 0);
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
  ])('%j: quiet and idle is %s', (title, idle) => {
    expect(new RegExp(recycles({})[0]?.idleTitle ?? '').test(title)).toBe(idle);
  });
});
