import { describe, expect, test } from 'vitest';
import type { Environment } from '../../src/config/settings.ts';
import type { ChildSpec, Readiness } from '../../src/plan/spec.ts';
import { checkout, child, serving, warningsOf, planFor } from './checkout.ts';

/** Without a memory quota, and with the allocator and Ruby's ratios set, no tuning variables are added. */
const machine = checkout({ quota: null });
const UNTUNED = { MALLOC_ARENA_MAX: '4', SUPERVISE_RUBY_GC: 'default' };
const puma = (env: Environment): ChildSpec => child(serving('web', { ...UNTUNED, ...env }, machine), 'puma');
const streaming = (env: Environment): ChildSpec =>
  child(serving('web', { RUN_STREAMING: 'true', ...env }, machine), 'streaming');
const sidekiqs = (env: Environment): readonly ChildSpec[] =>
  serving('worker', { ...UNTUNED, ...env }, machine).children;
const sidekiq = (env: Environment): ChildSpec => child(serving('worker', { ...UNTUNED, ...env }, machine), 'sidekiq');
const MB = 2 ** 20;

describe('puma', () => {
  test('with Mastodon’s defaults', () => {
    expect(puma({})).toEqual({
      name: 'puma',
      kind: 'puma',
      socket: null,
      drainMs: null,
      command: ['bundle', 'exec', 'puma', '-C', 'config/puma.rb'],
      env: { BIND: '0.0.0.0' },
      start: 'at-once',
      ready: { kind: 'http', at: { host: '127.0.0.1', port: 3000 }, path: '/health', settleMs: 0 },
      forwardedSignals: ['SIGUSR1', 'SIGUSR2'],
      tuning: [],
      threads: 5,
      queues: null,
      databaseConnections: 10,
      redisConnections: 30,
      memory: { expectedBytes: 362 * MB, oomScoreAdj: 100, workers: 2, restart: null },
    });
  });

  test.each<[Environment, Partial<ChildSpec>]>([
    [{ PUMA_COMMAND: 'puma -p 80' }, { command: ['puma', '-p', '80'] }],
    [{ MAX_THREADS: '3' }, { threads: 3 }],
    [{ PUMA_DB_POOL: '7' }, { env: { BIND: '0.0.0.0', DB_POOL: '7' } }],
    [{ DB_POOL: '7' }, { env: { BIND: '0.0.0.0' } }],
    [{ SIDEKIQ_DB_POOL: '7', STREAMING_DB_POOL: '8' }, { env: { BIND: '0.0.0.0' } }],
    [{ BIND: '127.0.0.1' }, { env: {} }],
    [{ BIND: '' }, { env: { BIND: '0.0.0.0' } }],
  ])('with %o', (env, expected) => {
    expect(puma(env)).toMatchObject(expected);
    expect(puma(env).env).toEqual(expected.env ?? { BIND: '0.0.0.0' });
  });
});

describe('streaming', () => {
  test('with Mastodon’s defaults', () => {
    expect(streaming({})).toEqual({
      name: 'streaming',
      kind: 'streaming',
      socket: null,
      drainMs: null,
      command: ['node', './streaming'],
      env: { BIND: '0.0.0.0' },
      start: 'at-once',
      ready: { kind: 'http', at: { host: '127.0.0.1', port: 4000 }, path: '/api/v1/streaming/health', settleMs: 500 },
      forwardedSignals: [],
      tuning: [],
      threads: null,
      queues: null,
      databaseConnections: 10,
      redisConnections: 2,
      memory: { expectedBytes: 123 * MB, oomScoreAdj: 200, workers: 0, restart: null },
    });
  });

  test('STREAMING_DB_POOL', () => {
    expect(streaming({ STREAMING_DB_POOL: '3', PUMA_DB_POOL: '9' }).env).toEqual({ BIND: '0.0.0.0', DB_POOL: '3' });
  });
});

describe('the address of the readiness check', () => {
  test.each<[Environment, Extract<Readiness, { kind: 'http' }>['at']]>([
    [{ PORT: '5006' }, { host: '127.0.0.1', port: 5006 }],
    [
      { PORT: '5006', BIND: '0.0.0.0' },
      { host: '127.0.0.1', port: 5006 },
    ],
    [
      { PORT: '5006', BIND: '127.0.0.2' },
      { host: '127.0.0.2', port: 5006 },
    ],
    [
      { PORT: '5006', BIND: 'localhost' },
      { host: 'localhost', port: 5006 },
    ],
    [
      { PORT: '5006', BIND: '::' },
      { host: '::1', port: 5006 },
    ],
    [
      { PORT: '5006', BIND: '[::]' },
      { host: '::1', port: 5006 },
    ],
    [
      { PORT: '5006', BIND: '[fd00::2]' },
      { host: 'fd00::2', port: 5006 },
    ],
    [{ PORT: '5006', SOCKET: '/tmp/puma.sock' }, { socket: '/tmp/puma.sock' }],
    [{ SOCKET: 'tmp/puma.sock', BIND: '::' }, { socket: 'tmp/puma.sock' }],
  ])('%o', (env, at) => {
    expect(puma(env).ready).toEqual({ kind: 'http', at, path: '/health', settleMs: 0 });
    expect(streaming(env).ready).toEqual({ kind: 'http', at, path: '/api/v1/streaming/health', settleMs: 500 });
  });
});

describe('sidekiq', () => {
  test('with Mastodon’s defaults, and time to stop', () => {
    expect(sidekiq({})).toEqual({
      name: 'sidekiq',
      kind: 'sidekiq',
      socket: null,
      drainMs: null,
      command: ['bundle', 'exec', 'sidekiq', '-c', '5', '-t', '25', '-g', 'sidekiq'],
      env: { MASTODON_SIDEKIQ_READY_FILENAME: 'run-sidekiq.ready' },
      start: 'at-once',
      ready: { kind: 'file', variable: 'MASTODON_SIDEKIQ_READY_FILENAME', name: 'run-sidekiq.ready' },
      forwardedSignals: ['SIGTTIN'],
      threads: 5,
      queues: ['default*8', 'push*6', 'ingress*4', 'mailers*2', 'pull', 'scheduler', 'fasp'].map(queue),
      tuning: [],
      databaseConnections: 5,
      redisConnections: 16,
      memory: {
        expectedBytes: 357 * MB,
        oomScoreAdj: 300,
        workers: 0,
        restart: { quietSignal: 'SIGTSTP', idleTitle: expect.any(String) as string, quietMs: 60_000, everyMs: null },
      },
    });
  });

  test.each([
    ['30', 25],
    ['60', 55],
    ['3600', 3595],
    ['29.9', 24],
    ['10', 5],
    ['8', 3],
    ['6', 3],
    ['5.999', 3],
    ['5', 2],
    ['2', 0],
  ])('%s s to stop: jobs get %i s to finish', (SUPERVISE_STOP_TIMEOUT, seconds) => {
    expect(sidekiq({ SUPERVISE_STOP_TIMEOUT }).command.slice(5, 7)).toEqual(['-t', `${seconds}`]);
  });

  test('warns if there is too little time to stop', () => {
    const warning = 'SUPERVISE_STOP_TIMEOUT=7 may lose jobs: sidekiq needs up to 8 s to return them to Redis';
    expect(warningsOf('worker', { SUPERVISE_STOP_TIMEOUT: '7' })).toEqual([warning]);
    expect(warningsOf('worker', { SUPERVISE_STOP_TIMEOUT: '8' })).toEqual([]);
    expect(warningsOf('web', { SUPERVISE_STOP_TIMEOUT: '7' })).toEqual([]);
  });

  test.each<[Environment, string[]]>([
    [{ SIDEKIQ_THREADS: '1' }, ['bundle exec sidekiq -c 1 -t 25 -g sidekiq']],
    [{ SIDEKIQ_COMMAND: 'sidekiq -e test' }, ['sidekiq -e test -c 5 -t 25 -g sidekiq']],
    [{ SIDEKIQ_COMMAND: 'sidekiq -g mine' }, ['sidekiq -g mine -c 5 -t 25']],
    [{ SIDEKIQ_COMMAND: 'sidekiq --tag=mine' }, ['sidekiq --tag=mine -c 5 -t 25']],
    [
      { RUN_SCHEDULE: 'false' },
      ['bundle exec sidekiq -c 5 -t 25 -g sidekiq -q default,8 -q push,6 -q ingress,4 -q mailers,2 -q pull -q fasp'],
    ],
    [{ SIDEKIQ_PROCESSES: '7' }, ['bundle exec sidekiq -c 7 -t 25 -g sidekiq']],
    [{ SIDEKIQ_PROCESSES: '7', SIDEKIQ_THREADS: '3' }, ['bundle exec sidekiq -c 7 -t 25 -g sidekiq']],
    [
      { SIDEKIQ_PROCESSES: '10 5:default' },
      ['bundle exec sidekiq -c 10 -t 25 -g sidekiq-1', 'bundle exec sidekiq -c 5 -t 25 -g sidekiq-2 -q default'],
    ],
    [
      { SIDEKIQ_PROCESSES: '10 5:push,default', RUN_SCHEDULE: 'false' },
      [
        'bundle exec sidekiq -c 10 -t 25 -g sidekiq-1 -q default,8 -q push,6 -q ingress,4 -q mailers,2 -q pull -q fasp',
        'bundle exec sidekiq -c 5 -t 25 -g sidekiq-2 -q push,6 -q default,8',
      ],
    ],
    [{ SIDEKIQ_PROCESSES: '5:push*2,default' }, ['bundle exec sidekiq -c 5 -t 25 -g sidekiq -q push,2 -q default']],
    [{ SIDEKIQ_PROCESSES: '5:mine,yours' }, ['bundle exec sidekiq -c 5 -t 25 -g sidekiq -q mine -q yours']],
  ])('with %o', (env, commands) => {
    expect(sidekiqs(env).map(({ command }) => command.join(' '))).toEqual(commands);
  });

  test('several processes have their own names, ready files and threads', () => {
    const specs = sidekiqs({ SIDEKIQ_PROCESSES: '10 5:default,push', SIDEKIQ_DB_POOL: '7' });
    expect(specs.map(({ name, threads, queues, env }) => ({ name, threads, queues: queues?.length, env }))).toEqual([
      {
        name: 'sidekiq-1',
        threads: 10,
        queues: 7,
        env: { DB_POOL: '7', MASTODON_SIDEKIQ_READY_FILENAME: 'run-sidekiq-1.ready' },
      },
      {
        name: 'sidekiq-2',
        threads: 5,
        queues: 2,
        env: { DB_POOL: '7', MASTODON_SIDEKIQ_READY_FILENAME: 'run-sidekiq-2.ready' },
      },
    ]);
  });

  test('unknown queues are left to sidekiq', () => {
    const [spec] = serving('worker', {}, checkout({ sidekiqYml: null })).children;
    expect(spec).toMatchObject({
      queues: null,
      command: ['bundle', 'exec', 'sidekiq', '-c', '5', '-t', '25', '-g', 'sidekiq'],
    });
  });

  function queue(text: string): { name: string; weight: number | null } {
    const [name = '', weight] = text.split('*');
    return { name, weight: weight === undefined ? null : Number(weight) };
  }
});

describe('release', () => {
  test('migrates, then clears the cache, without a port', () => {
    expect(planFor('release', { PORT: '5006', ...UNTUNED }, checkout())).toEqual({
      kind: 'release',
      role: 'release',
      steps: [
        { name: 'migrate', command: ['bundle', 'exec', 'rails', 'db:migrate'], env: { PORT: null } },
        {
          name: 'after-migrate',
          command: ['bundle', 'exec', 'rails', 'runner', 'Rails.cache.clear'],
          env: { PORT: null },
        },
      ],
      stop: { budgetMs: 30_000, killAfterMs: 28_500, exitAfterMs: 29_700 },
      tuning: [],
      warnings: [],
    });
  });

  test('with other commands', () => {
    const env = { MIGRATE_COMMAND: 'rake "db:migrate[1 2]"', AFTER_MIGRATE_COMMAND: 'true' };
    expect(planFor('release', env, checkout())).toMatchObject({
      steps: [{ command: ['rake', 'db:migrate[1 2]'] }, { command: ['true'] }],
    });
  });
});
