import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import { budgetWarnings, totalConnections } from '../../src/plan/budget.ts';
import type { Environment } from '../../src/config/settings.ts';
import { checkout, child, quota, serving, warningsOf } from './checkout.ts';

/** Database connections by child. */
function connections(role: Role, env: Environment): Record<string, number> {
  const { children } = serving(role, env);
  return Object.fromEntries(children.map(({ name, databaseConnections }) => [name, databaseConnections]));
}

const EACH = { puma: 10, streaming: 10, sidekiq: 5 };

describe('connections', () => {
  test.each<[string, Role, Environment, Record<string, number>]>([
    ['Mastodon’s defaults', 'web', {}, { puma: 10 }],
    ['with sidekiq', 'web', { RUN_WORKER: 'true' }, { puma: 10, sidekiq: 5 }],
    ['streaming', 'web', { RUN_STREAMING: 'true' }, { streaming: 10 }],
    ['streaming on demand', 'web', { RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' }, EACH],
    ['streaming inline', 'web', { RUN_STREAMING: 'inline', RUN_WORKER: 'true' }, EACH],
    ['a worker', 'worker', {}, { sidekiq: 5 }],
    ['threads of puma', 'web', { MAX_THREADS: '3' }, { puma: 6 }],
    ['processes of puma', 'web', { WEB_CONCURRENCY: '4', MAX_THREADS: '3' }, { puma: 12 }],
    ['one process of puma', 'web', { WEB_CONCURRENCY: '1' }, { puma: 5 }],
    ['single mode is one process', 'web', { WEB_CONCURRENCY: '0' }, { puma: 5 }],
    ['threads of sidekiq', 'worker', { SIDEKIQ_THREADS: '1' }, { sidekiq: 1 }],
    ['processes of sidekiq', 'worker', { SIDEKIQ_PROCESSES: '10 5:default' }, { 'sidekiq-1': 10, 'sidekiq-2': 5 }],
    ['DB_POOL for each process', 'web', { DB_POOL: '6', RUN_WORKER: 'true' }, { puma: 12, sidekiq: 6 }],
    ['DB_POOL for streaming', 'web', { DB_POOL: '3', RUN_STREAMING: 'true' }, { streaming: 3 }],
    ['PUMA_DB_POOL', 'web', { DB_POOL: '6', PUMA_DB_POOL: '7', RUN_WORKER: 'true' }, { puma: 14, sidekiq: 6 }],
    ['SIDEKIQ_DB_POOL', 'web', { SIDEKIQ_DB_POOL: '9', RUN_WORKER: 'true' }, { puma: 10, sidekiq: 9 }],
    [
      'SIDEKIQ_DB_POOL of several processes',
      'worker',
      { SIDEKIQ_DB_POOL: '9', SIDEKIQ_PROCESSES: '1 1:default' },
      { 'sidekiq-1': 9, 'sidekiq-2': 9 },
    ],
    ['STREAMING_DB_POOL', 'web', { DB_POOL: '6', STREAMING_DB_POOL: '2', RUN_STREAMING: 'true' }, { streaming: 2 }],
    [
      'a single-user instance',
      'web',
      { WEB_CONCURRENCY: '1', MAX_THREADS: '3', DB_POOL: '6', SIDEKIQ_THREADS: '1', RUN_WORKER: 'true' },
      { puma: 6, sidekiq: 6 },
    ],
  ])('%s', (_, role, env, expected) => {
    expect(connections(role, env)).toEqual(expected);
  });
});

test('totalConnections: 2 x 5 + 5 + 10 for an instance with Mastodon’s defaults', () => {
  const web = serving('web', {}).children;
  const worker = serving('worker', {}).children;
  const streaming = serving('web', { RUN_STREAMING: 'true' }).children;
  expect([web, worker, streaming].map(totalConnections)).toEqual([10, 5, 10]);
  expect(totalConnections([...web, ...worker, ...streaming])).toBe(25);
  expect(totalConnections([])).toBe(0);
});

describe('poolWarnings', () => {
  const warning = (pool: string, threads: number, name: string): string =>
    `${pool} is less than the ${threads} threads of ${name}, which will wait for database connections`;

  test.each<[string, Environment, string[]]>([
    ['defaults', {}, []],
    ['just enough', { DB_POOL: '5' }, []],
    ['more than enough', { DB_POOL: '6', MAX_THREADS: '3', SIDEKIQ_THREADS: '1' }, []],
    ['too few for both', { DB_POOL: '4' }, [warning('DB_POOL=4', 5, 'puma'), warning('DB_POOL=4', 5, 'sidekiq')]],
    ['too few for puma’s threads', { DB_POOL: '5', MAX_THREADS: '10' }, [warning('DB_POOL=5', 10, 'puma')]],
    ['too few for sidekiq’s threads', { DB_POOL: '5', SIDEKIQ_THREADS: '10' }, [warning('DB_POOL=5', 10, 'sidekiq')]],
    ['PUMA_DB_POOL', { PUMA_DB_POOL: '2' }, [warning('PUMA_DB_POOL=2', 5, 'puma')]],
    ['SIDEKIQ_DB_POOL', { SIDEKIQ_DB_POOL: '2' }, [warning('SIDEKIQ_DB_POOL=2', 5, 'sidekiq')]],
    [
      'PUMA_DB_POOL and SIDEKIQ_DB_POOL override DB_POOL',
      { DB_POOL: '1', PUMA_DB_POOL: '5', SIDEKIQ_DB_POOL: '5' },
      [],
    ],
    [
      'one of several sidekiq processes',
      { DB_POOL: '5', SIDEKIQ_PROCESSES: '10 5:default' },
      [warning('DB_POOL=5', 10, 'sidekiq-1')],
    ],
  ])('%s', (_, env, warnings) => {
    expect(warningsOf('web', { RUN_WORKER: 'true', ...env })).toEqual(warnings);
  });

  test('streaming has no threads that share a pool', () => {
    expect(warningsOf('web', { RUN_STREAMING: 'true', DB_POOL: '1', STREAMING_DB_POOL: '1' })).toEqual([]);
  });
});

describe('a small dyno', () => {
  const machine = checkout({ quota: quota('512M') });

  test.each<[Environment, number, number]>([
    [{}, 5, 15],
    [{ WEB_CONCURRENCY: '0' }, 5, 15],
    [{ WEB_CONCURRENCY: '2' }, 10, 30],
    [{ MAX_THREADS: '3' }, 3, 9],
    [{ DB_POOL: '6' }, 6, 15],
  ])(
    'puma with %o: the connections are those of single mode, unless it is a cluster',
    (env, databaseConnections, redisConnections) => {
      expect(child(serving('web', env, machine), 'puma')).toMatchObject({ databaseConnections, redisConnections });
    },
  );
});

describe('Redis connections', () => {
  test.each<[Role, Environment, Record<string, number>]>([
    ['web', {}, { puma: 30 }],
    ['web', { WEB_CONCURRENCY: '0', MAX_THREADS: '3', RUN_WORKER: 'true' }, { puma: 9, sidekiq: 16 }],
    ['web', { RUN_STREAMING: 'true' }, { streaming: 2 }],
    ['worker', { SIDEKIQ_THREADS: '1' }, { sidekiq: 4 }],
    ['worker', { SIDEKIQ_PROCESSES: '2 1:default' }, { 'sidekiq-1': 7, 'sidekiq-2': 4 }],
  ])('%s with %o', (role, env, expected) => {
    const { children } = serving(role, env);
    expect(Object.fromEntries(children.map((spec) => [spec.name, spec.redisConnections]))).toEqual(expected);
  });

  test('while two dynos overlap, the new one has only the connections that it opens at its start', () => {
    const overlap = (role: Role, env: Environment): unknown => serving(role, env).budget.redis;
    expect(overlap('web', { WEB_CONCURRENCY: '0' })).toEqual({ max: 15, overlap: 15, limit: 20 });
    expect(overlap('worker', {})).toEqual({ max: 16, overlap: 22, limit: 20 });
    expect(overlap('web', { RUN_STREAMING: 'true' })).toEqual({ max: 2, overlap: 4, limit: 20 });
    for (const RUN_STREAMING of ['inline', 'on-demand']) {
      expect(overlap('web', { WEB_CONCURRENCY: '0', RUN_STREAMING })).toEqual({ max: 17, overlap: 19, limit: 20 });
    }
  });
});

describe('expected memory', () => {
  const MB = 2 ** 20;
  const expectedMB = (role: Role, env: Environment): number => serving(role, env).budget.memory.expectedBytes / MB;

  test('depends on processes and threads, and includes the supervisor', () => {
    const pumas = [0, 1, 2, 3].map((count) => expectedMB('web', { WEB_CONCURRENCY: `${count}` }));
    expect(pumas).toEqual([200, 267, 372, 477]);
    const sidekiqs = ['1', '5', '25'].map((SIDEKIQ_THREADS) => Math.round(expectedMB('worker', { SIDEKIQ_THREADS })));
    expect(sidekiqs).toEqual([361, 367, 395]);
    expect(expectedMB('web', { RUN_STREAMING: 'true', RUN_WORKER: 'true' })).toBeCloseTo(123 + 357 + 10, 3);
  });

  test.each<[Environment, number, number, number | null]>([
    [{}, 10, 200, null],
    [{ RUN_STREAMING: 'true' }, 10, 133, null],
    [{ SUPERVISE_ROUTER: 'true' }, 14, 204, null],
    [{ RUN_STREAMING: 'inline' }, 14, 327, null],
    [{ RUN_STREAMING: 'on-demand' }, 14, 327, 204],
    [{ RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' }, 14, 684, 561],
  ])('with a router, and while no on-demand child runs, with %o', (env, own, expected, idle) => {
    const { memory } = serving('web', { WEB_CONCURRENCY: '0', ...env }).budget;
    expect({ ...memory, quotaBytes: null }).toEqual({
      ownBytes: own * MB,
      expectedBytes: expected * MB,
      idleBytes: idle === null ? null : idle * MB,
      quotaBytes: null,
    });
  });
});

describe('budgetWarnings', () => {
  const small = checkout({ quota: quota('512M') });
  const withSidekiq = { RUN_WORKER: 'true' };
  const limits = (database: number, redis: number): Environment => ({
    SUPERVISE_DB_CONNECTIONS: `${database}`,
    SUPERVISE_REDIS_CONNECTIONS: `${redis}`,
  });
  const memory = 'expected memory use is 557 MB, more than the quota of 512 MB';

  test.each<[string, Environment, string[]]>([
    ['only memory', limits(20, 37), [memory]],
    [
      'only the overlap',
      limits(19, 36),
      [
        memory,
        'SUPERVISE_DB_CONNECTIONS=19 may be exceeded: up to 20 database connections while an old and a new dyno overlap',
        'SUPERVISE_REDIS_CONNECTIONS=36 may be exceeded: up to 37 Redis connections while an old and a new dyno overlap',
      ],
    ],
    [
      'a single dyno',
      limits(9, 30),
      [
        memory,
        'SUPERVISE_DB_CONNECTIONS=9 may be exceeded: up to 10 database connections',
        'SUPERVISE_REDIS_CONNECTIONS=30 may be exceeded: up to 31 Redis connections',
      ],
    ],
  ])('%s', (_, env, warnings) => {
    expect(budgetWarnings(serving('web', { ...withSidekiq, ...env }, small).budget)).toEqual(warnings);
  });

  test('streaming on demand: includes the memory without it', () => {
    const env = { RUN_STREAMING: 'on-demand', ...limits(1000, 1000) };
    expect(budgetWarnings(serving('web', { ...env, ...withSidekiq }, small).budget)).toEqual([
      'expected memory use is 684 MB, more than the quota of 512 MB; 561 MB while no on-demand process runs',
    ]);
    expect(budgetWarnings(serving('web', env, small).budget)).toEqual([]);
  });

  test('no warnings if everything fits', () => {
    expect(budgetWarnings(serving('web', { ...withSidekiq, ...limits(20, 37), WEB_CONCURRENCY: '0' }).budget)).toEqual(
      [],
    );
    expect(budgetWarnings(serving('web', limits(10, 15), small).budget)).toEqual([]);
  });
});
