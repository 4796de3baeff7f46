import { budgetWarnings } from '../../src/plan/budget.ts';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import { describePlan, planAsData } from '../../src/plan/describe.ts';
import type { Environment } from '../../src/config/settings.ts';
import { checkout, quota, serving, planFor } from './checkout.ts';

function describeRole(role: Role, env: Environment, machine = checkout()): string {
  return describePlan(planFor(role, env, machine));
}

function planData(role: Role, env: Environment): unknown {
  return planAsData(planFor(role, env, checkout()));
}

/** The variables that save memory in a dyno of 2.5 GB. */
const MEMORY_SAVING = [
  'sets MALLOC_ARENA_MAX=2 unless you set it: halves the unused memory that the threads of Ruby hold',
  'sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you set it: Ruby grows its heap only when less than 8 % of it is free, not 20 %',
  'sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you set it: Ruby grows its heap until 15 % of it is free, not 40 %',
  'sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you set it: Ruby may return pages when more than 30 % of its heap is free, not 65 %',
  'sets MAGICK_MEMORY_LIMIT=1280MiB unless you set it: each ImageMagick process may take half the quota; larger images use files on disk',
  'sets MAGICK_MAP_LIMIT=1280MiB unless you set it: half the quota, like MAGICK_MEMORY_LIMIT',
  'sets VIPS_CONCURRENCY=1 unless you set it: each libvips thread allocates its own buffers',
];

/** A description without these variables, which each process has. */
function withoutSettings(text: string, processes: number): string {
  const setting = /^ +(sets .*)\n/gm;
  const expected = Array.from({ length: processes }, () => MEMORY_SAVING).flat();
  expect([...text.matchAll(setting)].map(([, line]) => line)).toEqual(expected);
  return text.replaceAll(setting, '');
}

describe('describePlan', () => {
  test('web', () => {
    expect(describeRole('web', {}, checkout({ quota: quota('512M') }))).toMatchInlineSnapshot(`
      "web:
        puma: bundle exec puma -C config/puma.rb
          environment: BIND=0.0.0.0
          sets MALLOC_ARENA_MAX=2 unless you set it: halves the unused memory that the threads of Ruby hold
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you set it: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you set it: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you set it: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets WEB_CONCURRENCY=0 unless you set it: a small dyno has memory for one puma process, not for a master and workers
          sets MAGICK_MEMORY_LIMIT=256MiB unless you set it: each ImageMagick process may take half the quota; larger images use files on disk
          sets MAGICK_MAP_LIMIT=256MiB unless you set it: half the quota, like MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you set it: each libvips thread allocates its own buffers
          sets VIPS_DISC_THRESHOLD=51m unless you set it: decoded images larger than a tenth of the quota go to disk
          starts at once
          ready when http://127.0.0.1:3000/health answers
          5 threads, 5 database connections, 15 Redis connections, 190 MB
        stops within 30 s: SIGTERM to all at once; SIGKILL after 28.5 s
        memory: 200 MB expected (puma 190 MB, supervisor 10 MB) of 512 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 512 MB, frees memory at 768 MB, takes emergency action at 947 MB; the platform kills the dyno at 1024 MB
        database connections: up to 5; up to 10 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 15; up to 15 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
      "
    `);
  });

  test('web with sidekiq, configured for one user', () => {
    const env = {
      RUN_WORKER: 'true',
      WEB_CONCURRENCY: '0',
      MAX_THREADS: '1',
      SIDEKIQ_THREADS: '1',
      PUMA_DB_POOL: '1',
      BIND: '[::]',
      PORT: '5006',
      SUPERVISE_START_TIMEOUT: '12.5',
    };
    expect(withoutSettings(describeRole('web', env), 2)).toMatchInlineSnapshot(`
      "web:
        puma: bundle exec puma -C config/puma.rb
          environment: DB_POOL=1
          starts at once
          ready when http://[::1]:5006/health answers
          1 thread, 1 database connection, 3 Redis connections, 190 MB
        sidekiq: bundle exec sidekiq -c 1 -t 25 -g sidekiq
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq.ready
          starts when puma is ready, after 12.5 s at the latest
          ready when it touches tmp/run-sidekiq.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          1 thread, 1 database connection, 4 Redis connections, 351 MB
        stops within 30 s: SIGTERM to all at once; SIGKILL after 28.5 s
        memory: 551 MB expected (puma 190 MB, sidekiq 351 MB, supervisor 10 MB) of 2560 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 2560 MB, frees memory at 3840 MB, takes emergency action at 4736 MB; the platform kills the dyno at 5120 MB
        database connections: up to 2; up to 4 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 7; up to 9 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
      "
    `);
  });

  test.each([
    ['web', {}, true],
    ['web', { RUN_STREAMING: 'inline' }, true],
    ['web', { RUN_STREAMING: 'true' }, false],
    ['web', { WEB_CONCURRENCY: '' }, false],
    ['web', { WEB_CONCURRENCY_SET_BY: 'heroku/ruby' }, false],
    ['worker', {}, false],
    ['release', {}, false],
  ] as const)('%s with %j: notes that the value of a buildpack is ignored: %s', (role, more, isNoted) => {
    const env = { WEB_CONCURRENCY: '1', WEB_CONCURRENCY_SET_BY: 'heroku/nodejs', ...more };
    const line =
      '  WEB_CONCURRENCY=1 is ignored: the buildpack heroku/nodejs set it; to choose the value, set the config var\n';
    const text = describeRole(role, env, checkout({ quota: quota('512M') }));
    expect(text.includes(line)).toBe(isNoted);
    expect(text.match(/WEB_CONCURRENCY=1/g) ?? []).toHaveLength(isNoted ? 1 : 0);
  });

  test('streaming on a socket', () => {
    const env = {
      RUN_STREAMING: 'true',
      SOCKET: '/tmp/streaming.sock',
      STREAMING_COMMAND: `node --title='my streaming' .`,
    };
    expect(describeRole('web', env, checkout({ quota: null }))).toMatchInlineSnapshot(`
      "web:
        streaming: node '--title=my streaming' .
          environment: BIND=0.0.0.0
          starts at once
          ready when unix:/tmp/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          10 database connections, 2 Redis connections, 123 MB
        stops within 30 s: SIGTERM to all at once; SIGKILL after 28.5 s
        memory: 133 MB expected (streaming 123 MB, supervisor 10 MB), no memory limit found
        database connections: up to 10; up to 20 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 2; up to 4 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
        warning: no memory limit found; set SUPERVISE_MEMORY_QUOTA=512M to enable the memory guard
      "
    `);
  });

  test('streaming on demand in one small dyno', () => {
    const env = {
      RUN_STREAMING: 'on-demand',
      RUN_WORKER: 'true',
      MAX_THREADS: '3',
      SIDEKIQ_THREADS: '2',
      PORT: '5006',
    };
    const pools = { STREAMING_DB_POOL: '2', MALLOC_ARENA_MAX: '2', MAGICK_MEMORY_LIMIT: '0', MAGICK_MAP_LIMIT: '0' };
    const images = { VIPS_CONCURRENCY: '1', VIPS_DISC_THRESHOLD: '50m' };
    const rest = { ...images, WEB_CONCURRENCY: '0', SUPERVISE_RUBY_GC: 'default' };
    const machine = checkout({ quota: quota('512M') });
    expect(describeRole('web', { ...env, ...pools, ...rest }, machine)).toMatchInlineSnapshot(`
      "web:
        the router listens on port 5006 on all addresses
          /api/v1/streaming -> streaming (unix:/tmp/run/streaming.sock), everything else -> puma (unix:/tmp/run/puma.sock)
          accepts up to 10000 client connections
        puma: bundle exec puma -C config/puma.rb
          environment: SOCKET=/tmp/run/puma.sock no PORT no BIND
          starts at once
          ready when unix:/tmp/run/puma.sock/health answers
          3 threads, 3 database connections, 9 Redis connections, 190 MB
        streaming: node ./streaming
          environment: SOCKET=/tmp/run/streaming.sock no PORT no BIND DB_POOL=2
          sets NODE_OPTIONS=--max-old-space-size=128 unless you set it: limits the heap to a quarter of the quota
          starts with the first request, stops after 15 min without a connection
          ready when unix:/tmp/run/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          2 database connections, 2 Redis connections, 123 MB
        sidekiq: bundle exec sidekiq -c 2 -t 25 -g sidekiq
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq.ready
          starts when puma is ready, after 45 s at the latest
          ready when it touches tmp/run-sidekiq.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          2 threads, 2 database connections, 7 Redis connections, 353 MB
        stops within 30 s: SIGTERM to all at once; to puma once its requests in flight are done, after 9.5 s at the latest; SIGKILL after 28.5 s
        memory: 680 MB expected at most (puma 190 MB, streaming 123 MB while it runs, sidekiq 353 MB, supervisor 14 MB) of 512 MB (SUPERVISE_MEMORY_QUOTA); 557 MB while no on-demand process runs
        memory guard: warns at 512 MB, frees memory at 768 MB, does not start streaming above that, takes emergency action at 947 MB; the platform kills the dyno at 1024 MB
        database connections: up to 7, 2 of them while streaming runs; up to 14 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 18, 2 of them while streaming runs; up to 23 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
        warning: expected memory use is 680 MB, more than the quota of 512 MB; 557 MB while no on-demand process runs
        warning: SUPERVISE_REDIS_CONNECTIONS=20 may be exceeded: up to 23 Redis connections while an old and a new dyno overlap
      "
    `);
  });

  test('streaming inline on one address, without a quota', () => {
    const env = { RUN_STREAMING: 'inline', BIND: '[::1]', MALLOC_ARENA_MAX: '2', SUPERVISE_STOP_TIMEOUT: '60' };
    expect(describeRole('web', env, checkout({ quota: null }))).toMatchInlineSnapshot(`
      "web:
        the router listens on [::1]:3000
          /api/v1/streaming -> streaming (unix:/tmp/run/streaming.sock), everything else -> puma (unix:/tmp/run/puma.sock)
          accepts up to 10000 client connections
        puma: bundle exec puma -C config/puma.rb
          environment: SOCKET=/tmp/run/puma.sock no PORT no BIND
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you set it: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you set it: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you set it: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          starts at once
          ready when unix:/tmp/run/puma.sock/health answers
          5 threads, 10 database connections, 30 Redis connections, 362 MB
        streaming: node ./streaming
          environment: SOCKET=/tmp/run/streaming.sock no PORT no BIND
          starts at once
          ready when unix:/tmp/run/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          10 database connections, 2 Redis connections, 123 MB
        stops within 60 s: SIGTERM to all at once; to puma once its requests in flight are done, after 10 s at the latest; SIGKILL after 58.5 s
        memory: 499 MB expected (puma 362 MB, streaming 123 MB, supervisor 14 MB), no memory limit found
        database connections: up to 20; up to 40 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 32; up to 34 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
        warning: no memory limit found; set SUPERVISE_MEMORY_QUOTA=512M to enable the memory guard
        warning: SUPERVISE_DB_CONNECTIONS=20 may be exceeded: up to 40 database connections while an old and a new dyno overlap
        warning: SUPERVISE_REDIS_CONNECTIONS=20 may be exceeded: up to 32 Redis connections
      "
    `);
  });

  describe('a router', () => {
    const line = (env: Environment, pattern: RegExp): string | undefined => pattern.exec(describeRole('web', env))?.[0];

    test.each<[Environment, string]>([
      [{}, 'the router listens on port 3000 on all addresses'],
      [{ PORT: '5006' }, 'the router listens on port 5006 on all addresses'],
      [{ BIND: '0.0.0.0' }, 'the router listens on 0.0.0.0:3000'],
      [{ BIND: '::', PORT: '80' }, 'the router listens on [::]:80'],
    ])('for puma alone, with %o', (env, text) => {
      expect(line({ SUPERVISE_ROUTER: 'true', ...env }, /the router .*\n.*/)).toBe(
        `${text}\n    everything -> puma (unix:/tmp/run/puma.sock)`,
      );
    });

    test('is not mentioned if there is none', () => {
      const envs = [{}, { RUN_STREAMING: 'true' }, { SUPERVISE_ROUTER: 'false', RUN_WORKER: 'true' }];
      expect(envs.map((env) => line(env, /router|->|in flight|on demand|at most|on-demand/))).toEqual(
        envs.map(() => undefined),
      );
    });

    test.each([
      ['2', 'after 166 ms at the latest; SIGKILL after 0.5 s'],
      ['12', 'after 3.5 s at the latest; SIGKILL after 10.5 s'],
      ['60', 'after 10 s at the latest; SIGKILL after 58.5 s'],
    ])('%s s to stop: how long the SIGTERM of puma waits', (SUPERVISE_STOP_TIMEOUT, text) => {
      const env = { SUPERVISE_ROUTER: 'true', SUPERVISE_STOP_TIMEOUT };
      expect(line(env, /stops within .*/)).toBe(
        `stops within ${SUPERVISE_STOP_TIMEOUT} s: SIGTERM to all at once; to puma once its requests in flight are done, ${text}`,
      );
    });

    test.each([
      ['15m', '15 min'],
      ['10s', '10 s'],
      ['90m', '1 h 30 min'],
    ])('an idle time of %s', (SUPERVISE_STREAMING_IDLE, text) => {
      const env = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE };
      expect(line(env, /starts with .*/)).toBe(
        `starts with the first request, stops after ${text} without a connection`,
      );
    });

    test.each([
      ['', 'streaming/health has answered without a 5xx status for 500 ms'],
      ['2.5s', 'streaming/health has answered without a 5xx status for 2.5 s'],
      ['0', 'streaming/health answers'],
    ])('a settling time of "%s"', (SUPERVISE_STREAMING_SETTLE, text) => {
      for (const RUN_STREAMING of ['true', 'inline', 'on-demand']) {
        expect(line({ RUN_STREAMING, SUPERVISE_STREAMING_SETTLE }, /streaming\/health .*/)).toBe(text);
      }
    });

    test.each([
      ['on', 'frees memory at 3840 MB, does not start streaming above that, takes emergency action'],
      ['warn', 'would free memory at 3840 MB, would take emergency action'],
    ])('memory guard %s', (SUPERVISE_MEMORY_GUARD, text) => {
      expect(describeRole('web', { RUN_STREAMING: 'on-demand', SUPERVISE_MEMORY_GUARD })).toContain(text);
      expect(describeRole('web', { RUN_STREAMING: 'inline', SUPERVISE_MEMORY_GUARD })).not.toContain('does not start');
    });
  });

  test('worker with several processes, and warnings', () => {
    const env = {
      SIDEKIQ_PROCESSES: '10 5:default,push',
      DB_POOL: '7',
      SIDEKIQ_THREAD: '3',
      SUPERVISE_STOP_TIMEOUT: '60',
    };
    expect(withoutSettings(describeRole('worker', env), 2)).toMatchInlineSnapshot(`
      "worker:
        sidekiq-1: bundle exec sidekiq -c 10 -t 55 -g sidekiq-1
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq-1.ready
          starts at once
          ready when it touches tmp/run-sidekiq-1.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          10 threads, 7 database connections, 31 Redis connections, 364 MB
        sidekiq-2: bundle exec sidekiq -c 5 -t 55 -g sidekiq-2 -q default,8 -q push,6
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq-2.ready
          starts at once
          ready when it touches tmp/run-sidekiq-2.ready
          queues: default*8, push*6
          5 threads, 7 database connections, 16 Redis connections, 357 MB
        stops within 60 s: SIGTERM to all at once; SIGKILL after 58.5 s
        memory: 731 MB expected (sidekiq-1 364 MB, sidekiq-2 357 MB, supervisor 10 MB) of 2560 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 2560 MB, frees memory at 3840 MB, takes emergency action at 4736 MB; the platform kills the dyno at 5120 MB
        database connections: up to 14; up to 28 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: up to 47; up to 64 while an old and a new dyno overlap; the limit is 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child process gets MSTDN_SUPERVISE_RUN with a random id, which identifies its descendants
        warning: SIDEKIQ_THREAD is not a known variable; did you mean SIDEKIQ_THREADS?
        warning: DB_POOL=7 is less than the 10 threads of sidekiq-1, which will wait for database connections
        warning: SUPERVISE_DB_CONNECTIONS=20 may be exceeded: up to 28 database connections while an old and a new dyno overlap
        warning: SUPERVISE_REDIS_CONNECTIONS=20 may be exceeded: up to 47 Redis connections
      "
    `);
  });

  test('worker with unknown queues', () => {
    expect(describeRole('worker', {}, checkout({ sidekiqYml: null }))).toContain(
      '\n    queues: those in config/sidekiq.yml\n',
    );
  });

  test('release', () => {
    expect(describeRole('release', { SKIP_POST_DEPLOYMENT_MIGRATIONS: 'false' })).toMatchInlineSnapshot(`
      "release:
        migrate: bundle exec rails db:migrate
          environment: no PORT
          sets MALLOC_ARENA_MAX=2 unless you set it: halves the unused memory that the threads of Ruby hold
        after-migrate: bundle exec rails runner Rails.cache.clear
          environment: no PORT
          sets MALLOC_ARENA_MAX=2 unless you set it: halves the unused memory that the threads of Ruby hold
        in this order; the first failure ends the release with its exit code
        stops within 30 s: SIGTERM to the running step, SIGKILL after 28.5 s
        warning: SKIP_POST_DEPLOYMENT_MIGRATIONS=false: Mastodon skips these migrations whatever the value is; unset the variable to run them
      "
    `);
  });

  test('leaves out what is switched off, and describes the memory guard', () => {
    const chosen = { MALLOC_ARENA_MAX: '2', SUPERVISE_RUBY_GC: 'default' };
    const env = { ...chosen, MAGICK_MEMORY_LIMIT: '64MiB', VIPS_CONCURRENCY: '2' };
    const text = describeRole('worker', env, checkout({ quota: quota('512M') }));
    expect(text.match(/sets \S+/g)).toEqual(['sets MAGICK_MAP_LIMIT=256MiB', 'sets VIPS_DISC_THRESHOLD=51m']);
    const guard = (value: string): string | undefined =>
      /memory guard: .*/.exec(describeRole('worker', { SUPERVISE_MEMORY_GUARD: value }))?.[0];
    expect(guard('off')).toBe('memory guard: off');
    expect(guard('warn')).toMatch(/^memory guard: warns at \d+ MB, would free memory at /);
  });

  test('a URL in NODE_OPTIONS is hidden, the limit after it is not', () => {
    const env = { RUN_STREAMING: 'true', NODE_OPTIONS: '--import=http://me:s3cret@host/x' };
    expect(describeRole('web', env)).toContain(
      'sets NODE_OPTIONS=--import=http://[hidden] --max-old-space-size=1280 unless',
    );
  });

  test('release of an app that runs streaming', () => {
    expect(describeRole('release', { RUN_STREAMING: 'true' })).toMatchInlineSnapshot(`
      "release:
        Not migrating on this app
      "
    `);
  });
});

describe('planAsData', () => {
  test('serve: the plan, and the total of connections', () => {
    const env = { RUN_WORKER: 'true', DB_POOL: '4' };
    const plan = serving('web', env);
    const warnings = [...plan.warnings, ...budgetWarnings(plan.budget)];
    expect([plan.warnings.length, warnings.length]).toEqual([2, 4]);
    expect(planData('web', env)).toEqual({ ...plan, warnings, databaseConnections: 12, marker: 'MSTDN_SUPERVISE_RUN' });
    expect(planData('web', env)).toMatchObject({
      budget: { memory: { quotaBytes: 2.5 * 2 ** 30 }, database: { max: 12, overlap: 24, limit: 20 } },
      memory: { guard: 'on', source: 'web.1' },
      children: [{ tuning: expect.arrayContaining([expect.objectContaining({ value: '2' })]) as unknown }, {}],
    });
  });

  test('a router: its upstreams, and the memory without on-demand children', () => {
    const env = { RUN_STREAMING: 'on-demand', PORT: '5006', WEB_CONCURRENCY: '0' };
    const MB = 2 ** 20;
    expect(planData('web', env)).toMatchObject({
      router: {
        port: 5006,
        bind: null,
        folder: '/tmp/run',
        puma: { child: 'puma', socket: '/tmp/run/puma.sock', onDemand: false, maxKeptConnections: 5 },
        streaming: { child: 'streaming', socket: '/tmp/run/streaming.sock', onDemand: true, maxKeptConnections: 0 },
      },
      children: [
        { name: 'puma', start: 'at-once', socket: '/tmp/run/puma.sock', drainMs: 9500 },
        { name: 'streaming', start: { onDemand: { idleMs: 900_000 } }, env: { PORT: null, BIND: null }, drainMs: null },
      ],
      budget: { memory: { expectedBytes: 327 * MB, idleBytes: 204 * MB, ownBytes: 14 * MB } },
      databaseConnections: 15,
    });
    expect(planData('web', {})).toMatchObject({ router: null, budget: { memory: { idleBytes: null } } });
  });

  test('release and nothing: the plan', () => {
    expect(planData('release', {})).toEqual(planFor('release', {}, checkout()));
    expect(planData('release', { RUN_STREAMING: 'true' })).toEqual({
      kind: 'nothing',
      role: 'release',
      reason: 'Not migrating on this app',
      warnings: [],
    });
  });

  test('does not change when it is converted to JSON', () => {
    const asData = planData('worker', { SIDEKIQ_PROCESSES: '10 5:default' });
    expect(JSON.parse(JSON.stringify(asData))).toEqual(asData);
  });
});

describe('secrets', () => {
  const SECRET = 's3cr%t';
  const addresses = [
    `postgres://mastodon:${SECRET}@db.example:5432/mastodon`,
    `postgres://mastodon:it's ${SECRET} "here"@db.example/mastodon`,
    `redis://:${SECRET}@cache.example:6379/0`,
    `rediss://h:${SECRET}@cache.example`,
    `https://me:${SECRET}@proxy.example`,
  ];
  const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

  test.each(addresses)('%s is hidden in commands and values', (address) => {
    const command = `env ${quoted(`DATABASE_URL=${address}`)} run ${quoted(address)} on`;
    const env: Environment = {
      DATABASE_URL: address,
      REDIS_URL: address,
      RUN_WORKER: 'true',
      PUMA_COMMAND: command,
      SIDEKIQ_COMMAND: command,
      STREAMING_COMMAND: command,
      MIGRATE_COMMAND: command,
      AFTER_MIGRATE_COMMAND: command,
      BIND: address,
      SIDEKIQ_DB_POOL: '1',
    };
    const streaming = { ...env, RUN_STREAMING: 'true', SOCKET: address };
    const router = { ...env, RUN_STREAMING: 'on-demand' };
    const printed = (['web', 'worker', 'release'] as const).flatMap((role) =>
      [env, streaming, router].flatMap((env) => [describeRole(role, env), JSON.stringify(planData(role, env))]),
    );
    expect(printed.filter((text) => text.includes(SECRET))).toEqual([]);
    expect(printed.filter((text) => text.includes('.example'))).toEqual([]);
    expect(describeRole('web', env)).toContain(`://[hidden]' run '`);
    expect(describeRole('web', env)).toContain(`://[hidden]' on\n`);
  });
});
