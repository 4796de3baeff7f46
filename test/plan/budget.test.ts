import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import { budgetWarnings, totalConnections } from '../../src/plan/budget.ts';
import type { Environment } from '../../src/config/settings.ts';
import { checkout, child, quota, serving, warningsOf } from './checkout.ts';

/** Connections of each child of a dyno. */
function connections(role: Role, env: Environment): Record<string, number> {
  const { children } = serving(role, env);
  return Object.fromEntries(children.map(({ name, databaseConnections }) => [name, databaseConnections]));
}

const EACH = { puma: 10, streaming: 10, sidekiq: 5 };

describe('connections', () => {
  test.each<[string, Role, Environment, Record<string, number>]>([
    ['upstream’s defaults', 'web', {}, { puma: 10 }],
    ['sidekiq beside it', 'web', { RUN_WORKER: 'true' }, { puma: 10, sidekiq: 5 }],
    ['streaming', 'web', { RUN_STREAMING: 'true' }, { streaming: 10 }],
    ['streaming on demand', 'web', { RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' }, EACH],
    ['streaming inline', 'web', { RUN_STREAMING: 'inline', RUN_WORKER: 'true' }, EACH],
    ['a worker', 'worker', {}, { sidekiq: 5 }],
    ['threads of puma', 'web', { MAX_THREADS: '3' }, { puma: 6 }],
    ['processes of puma', 'web', { WEB_CONCURRENCY: '4', MAX_THREADS: '3' }, { puma: 12 }],
    ['one process of puma', 'web', { WEB_CONCURRENCY: '1' }, { puma: 5 }],
    ['no cluster is one process', 'web', { WEB_CONCURRENCY: '0' }, { puma: 5 }],
    ['threads of sidekiq', 'worker', { SIDEKIQ_THREADS: '1' }, { sidekiq: 1 }],
    ['processes of sidekiq', 'worker', { SIDEKIQ_PROCESSES: '10 5:default' }, { 'sidekiq-1': 10, 'sidekiq-2': 5 }],
    ['DB_POOL for each process', 'web', { DB_POOL: '6', RUN_WORKER: 'true' }, { puma: 12, sidekiq: 6 }],
    ['DB_POOL for streaming', 'web', { DB_POOL: '3', RUN_STREAMING: 'true' }, { streaming: 3 }],
    ['a pool of puma’s own', 'web', { DB_POOL: '6', PUMA_DB_POOL: '7', RUN_WORKER: 'true' }, { puma: 14, sidekiq: 6 }],
    ['a pool of sidekiq’s own', 'web', { SIDEKIQ_DB_POOL: '9', RUN_WORKER: 'true' }, { puma: 10, sidekiq: 9 }],
    [
      'of several sidekiqs',
      'worker',
      { SIDEKIQ_DB_POOL: '9', SIDEKIQ_PROCESSES: '1 1:default' },
      { 'sidekiq-1': 9, 'sidekiq-2': 9 },
    ],
    [
      'a pool of streaming’s own',
      'web',
      { DB_POOL: '6', STREAMING_DB_POOL: '2', RUN_STREAMING: 'true' },
      { streaming: 2 },
    ],
    [
      'one person’s instance',
      'web',
      { WEB_CONCURRENCY: '1', MAX_THREADS: '3', DB_POOL: '6', SIDEKIQ_THREADS: '1', RUN_WORKER: 'true' },
      { puma: 6, sidekiq: 6 },
    ],
  ])('%s', (_, role, env, expected) => {
    expect(connections(role, env)).toEqual(expected);
  });
});

test('totalConnections: 2 x 5 + 5 + 10 of an instance as upstream sets it', () => {
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
    ['puma’s own', { PUMA_DB_POOL: '2' }, [warning('PUMA_DB_POOL=2', 5, 'puma')]],
    ['sidekiq’s own', { SIDEKIQ_DB_POOL: '2' }, [warning('SIDEKIQ_DB_POOL=2', 5, 'sidekiq')]],
    ['its own makes good', { DB_POOL: '1', PUMA_DB_POOL: '5', SIDEKIQ_DB_POOL: '5' }, []],
    [
      'one of several sidekiqs',
      { DB_POOL: '5', SIDEKIQ_PROCESSES: '10 5:default' },
      [warning('DB_POOL=5', 10, 'sidekiq-1')],
    ],
  ])('%s', (_, env, warnings) => {
    expect(warningsOf('web', { RUN_WORKER: 'true', ...env })).toEqual(warnings);
  });

  test('streaming has no threads to wait for one another', () => {
    expect(warningsOf('web', { RUN_STREAMING: 'true', DB_POOL: '1', STREAMING_DB_POOL: '1' })).toEqual([]);
  });
});

describe('a small dyno', () => {
  const place = checkout({ quota: quota('512M') });

  test.each<[Environment, number, number]>([
    [{}, 5, 15],
    [{ WEB_CONCURRENCY: '0' }, 5, 15],
    [{ WEB_CONCURRENCY: '2' }, 10, 30],
    [{ MAX_THREADS: '3' }, 3, 9],
    [{ DB_POOL: '6' }, 6, 15],
  ])('puma with %o: connections follow its single mode', (env, databaseConnections, redisConnections) => {
    expect(child(serving('web', env, place), 'puma')).toMatchObject({ databaseConnections, redisConnections });
  });
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

  test('while two dynos overlap, the new one has those that it does not wait with', () => {
    const overlap = (role: Role, env: Environment): unknown => serving(role, env).budget.redis;
    expect(overlap('web', { WEB_CONCURRENCY: '0' })).toEqual({ most: 15, overlap: 15, limit: 20 });
    expect(overlap('worker', {})).toEqual({ most: 16, overlap: 22, limit: 20 });
    expect(overlap('web', { RUN_STREAMING: 'true' })).toEqual({ most: 2, overlap: 4, limit: 20 });
    for (const RUN_STREAMING of ['inline', 'on-demand']) {
      expect(overlap('web', { WEB_CONCURRENCY: '0', RUN_STREAMING })).toEqual({ most: 17, overlap: 19, limit: 20 });
    }
  });
});

describe('expected memory', () => {
  const MB = 2 ** 20;
  const inAll = (role: Role, env: Environment): number => serving(role, env).budget.memory.expectedBytes / MB;

  test('of processes and threads, and ourselves', () => {
    const pumas = [0, 1, 2, 3].map((count) => inAll('web', { WEB_CONCURRENCY: `${count}` }));
    expect(pumas).toEqual([200, 267, 372, 477]);
    const sidekiqs = ['1', '5', '25'].map((SIDEKIQ_THREADS) => Math.round(inAll('worker', { SIDEKIQ_THREADS })));
    expect(sidekiqs).toEqual([361, 367, 395]);
    expect(inAll('web', { RUN_STREAMING: 'true', RUN_WORKER: 'true' })).toBeCloseTo(123 + 357 + 10, 3);
  });

  test.each<[Environment, number, number, number | null]>([
    [{}, 10, 200, null],
    [{ RUN_STREAMING: 'true' }, 10, 133, null],
    [{ SUPERVISE_ROUTER: 'true' }, 14, 204, null],
    [{ RUN_STREAMING: 'inline' }, 14, 327, null],
    [{ RUN_STREAMING: 'on-demand' }, 14, 327, 204],
    [{ RUN_STREAMING: 'on-demand', RUN_WORKER: 'true' }, 14, 684, 561],
  ])('of ourselves with a router, and what is left of it at rest, with %o', (env, own, expected, resting) => {
    const { memory } = serving('web', { WEB_CONCURRENCY: '0', ...env }).budget;
    expect({ ...memory, quotaBytes: null }).toEqual({
      ownBytes: own * MB,
      expectedBytes: expected * MB,
      restingBytes: resting === null ? null : resting * MB,
      quotaBytes: null,
    });
  });
});

describe('budgetWarnings', () => {
  const small = checkout({ quota: quota('512M') });
  const both = { RUN_WORKER: 'true' };
  const limits = (database: number, redis: number): Environment => ({
    SUPERVISE_DB_CONNECTIONS: `${database}`,
    SUPERVISE_REDIS_CONNECTIONS: `${redis}`,
  });
  const memory = '557 MB of memory are expected, more than the 512 MB of the quota';

  test.each<[string, Environment, string[]]>([
    ['memory alone', limits(20, 37), [memory]],
    [
      'the overlap alone',
      limits(19, 36),
      [
        memory,
        'up to 20 database connections while an old and a new dyno overlap, more than SUPERVISE_DB_CONNECTIONS=19',
        'up to 37 Redis connections while an old and a new dyno overlap, more than SUPERVISE_REDIS_CONNECTIONS=36',
      ],
    ],
    [
      'one dyno already',
      limits(9, 30),
      [
        memory,
        'up to 10 database connections, more than SUPERVISE_DB_CONNECTIONS=9',
        'up to 31 Redis connections, more than SUPERVISE_REDIS_CONNECTIONS=30',
      ],
    ],
  ])('%s', (_, env, warnings) => {
    expect(budgetWarnings(serving('web', { ...both, ...env }, small).budget)).toEqual(warnings);
  });

  test('streaming on demand: what is held at rest as well', () => {
    const env = { RUN_STREAMING: 'on-demand', ...limits(1000, 1000) };
    expect(budgetWarnings(serving('web', { ...env, ...both }, small).budget)).toEqual([
      '684 MB of memory are expected, more than the 512 MB of the quota; 561 MB while nobody looks at a timeline',
    ]);
    expect(budgetWarnings(serving('web', env, small).budget)).toEqual([]);
  });

  test('a dyno that has it all', () => {
    expect(budgetWarnings(serving('web', { ...both, ...limits(20, 37), WEB_CONCURRENCY: '0' }).budget)).toEqual([]);
    expect(budgetWarnings(serving('web', limits(10, 15), small).budget)).toEqual([]);
  });
});
