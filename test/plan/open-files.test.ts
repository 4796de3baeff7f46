import { describe, expect, test } from 'vitest';
import { checkout, problemsOf, serving, warningsOf } from './checkout.ts';

const at = (limit: number, open = 20): ReturnType<typeof checkout> => checkout({ openFiles: { limit, open } });
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
  ])('of %s leaves the router %s connections', (limit, most) => {
    expect(serving('web', INLINE, at(limit)).router?.maxConnections).toBe(most);
  });

  test('that is not known is taken for 256, without a warning', () => {
    const place = checkout({ openFiles: null });
    expect(serving('web', INLINE, place).router?.maxConnections).toBe(102);
    expect(warningsOf('web', INLINE, place)).toEqual([]);
  });

  test('below 1024 is a warning with the figure and the remedy', () => {
    const subject = 'open files (ulimit -n): the limit of';
    const inherit = 'and the child processes inherit it';
    const routed = `${subject} 64 allows 11 client connections at the same time, ${inherit}; ${REMEDY}`;
    const other = `${subject} 1023 is below 1024, ${inherit}; ${REMEDY}`;
    expect(warningsOf('web', INLINE, at(64))).toEqual([routed]);
    for (const role of ['web', 'worker', 'release'] as const) expect(warningsOf(role, {}, at(1023))).toEqual([other]);
    for (const role of ['web', 'worker', 'release'] as const) expect(warningsOf(role, {}, at(1024))).toEqual([]);
    expect(warningsOf('release', { RUN_STREAMING: 'true' }, at(64))).toEqual([]);
  });

  test.each([
    ['web', {}, 33],
    ['worker', {}, 32],
    ['release', {}, 32],
    ['worker', { SUPERVISE_LOG_PREFIX: 'true' }, 34],
    ['web', { SUPERVISE_ROUTER: 'true' }, 37],
    ['web', INLINE, 39],
  ] as const)('too low to run is a problem: %s with %o needs %s', (role, env, needed) => {
    const problem = `open files (ulimit -n): the limit of ${needed - 1} is too low, this dyno needs at least ${needed}; ${REMEDY}`;
    expect(problemsOf(role, env, at(needed - 1))).toEqual([problem]);
    expect(problemsOf(role, env, at(needed))).toEqual([]);
    expect(problemsOf(role, env, at(needed, 21))).toHaveLength(1);
  });

  test('a plan that is not refused has at least one connection, and more with each two or three descriptors', () => {
    const limits = Array.from({ length: 200 }, (_, index) => 39 + index);
    const most = limits.map((limit) => serving('web', INLINE, at(limit)).router?.maxConnections ?? 0);
    expect(most[0]).toBe(1);
    most.slice(1).forEach((count, index) => expect([0, 1]).toContain(count - (most[index] ?? 0)));
  });
});
