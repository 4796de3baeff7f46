import { describe, expect, test } from 'vitest';
import { checkout, problemsOf, serving, warningsOf } from './checkout.ts';

const withLimit = (limit: number, open = 20): ReturnType<typeof checkout> => checkout({ openFiles: { limit, open } });
const REMEDY =
  'raise it with `ulimit -n 65536`, LimitNOFILE=65536 (systemd) or `docker run --ulimit nofile=65536:65536`';
const INLINE = { RUN_STREAMING: 'inline', MAX_THREADS: '5', WEB_CONCURRENCY: '0' };

describe('the limit of open files', () => {
  test.each([
    [1_048_576, 10_000],
    [20_100, 10_000],
    [1024, 491],
    [256, 107],
    [64, 11],
    [45, 3],
  ])('of %s leaves the router %s connections', (limit, maxConnections) => {
    expect(serving('web', INLINE, withLimit(limit)).router?.maxConnections).toBe(maxConnections);
  });

  test('is assumed to be 256 if it is not known, without a warning', () => {
    const machine = checkout({ openFiles: null });
    expect(serving('web', INLINE, machine).router?.maxConnections).toBe(102);
    expect(warningsOf('web', INLINE, machine)).toEqual([]);
  });

  test('below 1024 is a warning with the figure and the remedy', () => {
    const subject = 'open files (ulimit -n): the limit of';
    const inherit = 'and the child processes inherit it';
    const routed = `${subject} 64 allows 11 client connections, ${inherit}; ${REMEDY}`;
    const other = `${subject} 1023 is below 1024, ${inherit}; ${REMEDY}`;
    expect(warningsOf('web', INLINE, withLimit(64))).toEqual([routed]);
    for (const role of ['web', 'worker', 'release'] as const)
      expect(warningsOf(role, {}, withLimit(1023))).toEqual([other]);
    for (const role of ['web', 'worker', 'release'] as const) expect(warningsOf(role, {}, withLimit(1024))).toEqual([]);
    expect(warningsOf('release', { RUN_STREAMING: 'true' }, withLimit(64))).toEqual([]);
  });

  test.each([
    ['web', {}, 33],
    ['worker', {}, 32],
    ['release', {}, 32],
    ['worker', { SUPERVISE_LOG_PREFIX: 'true' }, 34],
    ['web', { SUPERVISE_ROUTER: 'true' }, 37],
    ['web', INLINE, 39],
  ] as const)('if it is too low to run, that is a problem: %s with %o needs %s', (role, env, needed) => {
    const problem = `open files (ulimit -n): the limit of ${needed - 1} is too low, this dyno needs at least ${needed}; ${REMEDY}`;
    expect(problemsOf(role, env, withLimit(needed - 1))).toEqual([problem]);
    expect(problemsOf(role, env, withLimit(needed))).toEqual([]);
    expect(problemsOf(role, env, withLimit(needed, 21))).toHaveLength(1);
  });

  test('an accepted plan has at least one connection, and one more for each two or three descriptors', () => {
    const limits = Array.from({ length: 200 }, (_, index) => 39 + index);
    const counts = limits.map((limit) => serving('web', INLINE, withLimit(limit)).router?.maxConnections ?? 0);
    expect(counts[0]).toBe(1);
    counts.slice(1).forEach((count, index) => expect([0, 1]).toContain(count - (counts[index] ?? 0)));
  });
});
