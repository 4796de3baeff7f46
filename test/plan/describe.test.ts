import { budgetWarnings } from '../../src/plan/budget.ts';
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import { describePlan, planAsData } from '../../src/plan/describe.ts';
import type { Environment } from '../../src/config/settings.ts';
import { checkout, quota, serving, planFor } from './checkout.ts';

function told(role: Role, env: Environment, place = checkout()): string {
  return describePlan(planFor(role, env, place));
}

function data(role: Role, env: Environment): unknown {
  return planAsData(planFor(role, env, checkout()));
}

describe('describePlan', () => {
  test('web', () => {
    expect(told('web', {}, checkout({ quota: quota('512M') }))).toMatchInlineSnapshot(`
      "web:
        puma: bundle exec puma -C config/puma.rb
          environment: BIND=0.0.0.0
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets WEB_CONCURRENCY=0 unless you do: one process serves a small dyno: a cluster is two or three
          sets MAGICK_MEMORY_LIMIT=256MiB unless you do: half the quota for one image, the rest of it on disk
          sets MAGICK_MAP_LIMIT=256MiB unless you do: half the quota, as MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you do: each thread of libvips has buffers of its own
          sets VIPS_DISC_THRESHOLD=51m unless you do: a decoded image over a tenth of the quota goes to disk
          starts at once
          ready when http://127.0.0.1:3000/health answers
          5 threads, 5 database connections, 15 Redis connections, 190 MB
        stops within 30 s: TERM to all at the same time, KILL after 28.5 s
        memory: 200 MB expected (puma 190 MB, ourselves 10 MB) of 512 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 512 MB, relieves at 768 MB, saves the dyno at 947 MB, before the platform ends it at 1024 MB
        database connections: 5, and 10 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 15, and 15 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
      "
    `);
  });

  test('web with sidekiq beside it, set for one person', () => {
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
    expect(told('web', env)).toMatchInlineSnapshot(`
      "web:
        puma: bundle exec puma -C config/puma.rb
          environment: DB_POOL=1
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets MAGICK_MEMORY_LIMIT=1280MiB unless you do: half the quota for one image, the rest of it on disk
          sets MAGICK_MAP_LIMIT=1280MiB unless you do: half the quota, as MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you do: each thread of libvips has buffers of its own
          starts at once
          ready when http://[::1]:5006/health answers
          1 thread, 1 database connection, 3 Redis connections, 190 MB
        sidekiq: bundle exec sidekiq -c 1 -t 25 -g sidekiq
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq.ready
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets MAGICK_MEMORY_LIMIT=1280MiB unless you do: half the quota for one image, the rest of it on disk
          sets MAGICK_MAP_LIMIT=1280MiB unless you do: half the quota, as MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you do: each thread of libvips has buffers of its own
          starts when puma is ready, after 12.5 s at the latest
          ready when it touches tmp/run-sidekiq.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          1 thread, 1 database connection, 4 Redis connections, 351 MB
        stops within 30 s: TERM to all at the same time, KILL after 28.5 s
        memory: 551 MB expected (puma 190 MB, sidekiq 351 MB, ourselves 10 MB) of 2560 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 2560 MB, relieves at 3840 MB, saves the dyno at 4736 MB, before the platform ends it at 5120 MB
        database connections: 2, and 4 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 7, and 9 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
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
  ] as const)('%s with %j: says that the value of a buildpack is ignored: %s', (role, more, isSaid) => {
    const env = { WEB_CONCURRENCY: '1', WEB_CONCURRENCY_SET_BY: 'heroku/nodejs', ...more };
    const line =
      '  WEB_CONCURRENCY=1 is ignored: the buildpack heroku/nodejs set it; to choose the value, set the config var\n';
    const text = told(role, env, checkout({ quota: quota('512M') }));
    expect(text.includes(line)).toBe(isSaid);
    expect(text.match(/WEB_CONCURRENCY=1/g) ?? []).toHaveLength(isSaid ? 1 : 0);
  });

  test('streaming on a socket', () => {
    const env = {
      RUN_STREAMING: 'true',
      SOCKET: '/tmp/streaming.sock',
      STREAMING_COMMAND: `node --title='my streaming' .`,
    };
    expect(told('web', env, checkout({ quota: null }))).toMatchInlineSnapshot(`
      "web:
        streaming: node '--title=my streaming' .
          environment: BIND=0.0.0.0
          starts at once
          ready when unix:/tmp/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          10 database connections, 2 Redis connections, 123 MB
        stops within 30 s: TERM to all at the same time, KILL after 28.5 s
        memory: 133 MB expected (streaming 123 MB, ourselves 10 MB), no quota known
        database connections: 10, and 20 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 2, and 4 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
        warning: nobody says what memory there is, so nothing watches it: set SUPERVISE_MEMORY_QUOTA, such as 512M
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
    const place = checkout({ quota: quota('512M') });
    expect(told('web', { ...env, ...pools, ...rest }, place)).toMatchInlineSnapshot(`
      "web:
        the router listens on port 5006 of every address
          /api/v1/streaming -> streaming (unix:/tmp/run/streaming.sock), everything else -> puma (unix:/tmp/run/puma.sock)
          takes up to 10000 client connections at the same time
        puma: bundle exec puma -C config/puma.rb
          environment: SOCKET=/tmp/run/puma.sock no PORT no BIND
          starts at once
          ready when unix:/tmp/run/puma.sock/health answers
          3 threads, 3 database connections, 9 Redis connections, 190 MB
        streaming: node ./streaming
          environment: SOCKET=/tmp/run/streaming.sock no PORT no BIND DB_POOL=2
          sets NODE_OPTIONS=--max-old-space-size=128 unless you do: a quarter of the quota for its heap
          starts with the first request for it, stops when no connection to it was open for 15 min
          ready when unix:/tmp/run/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          2 database connections, 2 Redis connections, 123 MB
        sidekiq: bundle exec sidekiq -c 2 -t 25 -g sidekiq
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq.ready
          starts when puma is ready, after 45 s at the latest
          ready when it touches tmp/run-sidekiq.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          2 threads, 2 database connections, 7 Redis connections, 353 MB
        stops within 30 s: TERM to all at the same time, to puma when its requests in flight are answered, after 9.5 s at the latest; KILL after 28.5 s
        memory: 680 MB expected at most (puma 190 MB, streaming 123 MB while it is wanted, sidekiq 353 MB, ourselves 14 MB) of 512 MB (SUPERVISE_MEMORY_QUOTA); 557 MB while nobody looks at a timeline
        memory guard: warns at 512 MB, relieves at 768 MB, does not start streaming above that, saves the dyno at 947 MB, before the platform ends it at 1024 MB
        database connections: 7, 2 of them while streaming is wanted, and 14 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 18, 2 of them while streaming is wanted, and 23 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
        warning: 680 MB of memory are expected, more than the 512 MB of the quota; 557 MB while nobody looks at a timeline
        warning: up to 23 Redis connections while an old and a new dyno overlap, more than SUPERVISE_REDIS_CONNECTIONS=20
      "
    `);
  });

  test('streaming inline on one address, without a quota', () => {
    const env = { RUN_STREAMING: 'inline', BIND: '[::1]', MALLOC_ARENA_MAX: '2', SUPERVISE_STOP_TIMEOUT: '60' };
    expect(told('web', env, checkout({ quota: null }))).toMatchInlineSnapshot(`
      "web:
        the router listens on [::1]:3000
          /api/v1/streaming -> streaming (unix:/tmp/run/streaming.sock), everything else -> puma (unix:/tmp/run/puma.sock)
          takes up to 10000 client connections at the same time
        puma: bundle exec puma -C config/puma.rb
          environment: SOCKET=/tmp/run/puma.sock no PORT no BIND
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          starts at once
          ready when unix:/tmp/run/puma.sock/health answers
          5 threads, 10 database connections, 30 Redis connections, 362 MB
        streaming: node ./streaming
          environment: SOCKET=/tmp/run/streaming.sock no PORT no BIND
          starts at once
          ready when unix:/tmp/run/streaming.sock/api/v1/streaming/health has answered without a 5xx status for 500 ms
          10 database connections, 2 Redis connections, 123 MB
        stops within 60 s: TERM to all at the same time, to puma when its requests in flight are answered, after 10 s at the latest; KILL after 58.5 s
        memory: 499 MB expected (puma 362 MB, streaming 123 MB, ourselves 14 MB), no quota known
        database connections: 20, and 40 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 32, and 34 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
        warning: nobody says what memory there is, so nothing watches it: set SUPERVISE_MEMORY_QUOTA, such as 512M
        warning: up to 40 database connections while an old and a new dyno overlap, more than SUPERVISE_DB_CONNECTIONS=20
        warning: up to 32 Redis connections, more than SUPERVISE_REDIS_CONNECTIONS=20
      "
    `);
  });

  describe('a router', () => {
    const line = (env: Environment, pattern: RegExp): string | undefined => pattern.exec(told('web', env))?.[0];

    test.each<[Environment, string]>([
      [{}, 'the router listens on port 3000 of every address'],
      [{ PORT: '5006' }, 'the router listens on port 5006 of every address'],
      [{ BIND: '0.0.0.0' }, 'the router listens on 0.0.0.0:3000'],
      [{ BIND: '::', PORT: '80' }, 'the router listens on [::]:80'],
    ])('before puma alone, with %o', (env, text) => {
      expect(line({ SUPERVISE_ROUTER: 'true', ...env }, /the router .*\n.*/)).toBe(
        `${text}\n    everything -> puma (unix:/tmp/run/puma.sock)`,
      );
    });

    test('is not told of where there is none', () => {
      const envs = [{}, { RUN_STREAMING: 'true' }, { SUPERVISE_ROUTER: 'false', RUN_WORKER: 'true' }];
      expect(envs.map((env) => line(env, /router|->|in flight|on demand|at most|nobody/))).toEqual(
        envs.map(() => undefined),
      );
    });

    test.each([
      ['2', 'after 166 ms at the latest; KILL after 0.5 s'],
      ['12', 'after 3.5 s at the latest; KILL after 10.5 s'],
      ['60', 'after 10 s at the latest; KILL after 58.5 s'],
    ])('%s s to stop: how long puma’s TERM waits', (SUPERVISE_STOP_TIMEOUT, text) => {
      const env = { SUPERVISE_ROUTER: 'true', SUPERVISE_STOP_TIMEOUT };
      expect(line(env, /stops within .*/)).toBe(
        `stops within ${SUPERVISE_STOP_TIMEOUT} s: TERM to all at the same time, to puma when its requests in flight are answered, ${text}`,
      );
    });

    test.each([
      ['15m', '15 min'],
      ['10s', '10 s'],
      ['90m', '1 h 30 min'],
    ])('an idle time of %s', (SUPERVISE_STREAMING_IDLE, text) => {
      const env = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE };
      expect(line(env, /starts with .*/)).toBe(
        `starts with the first request for it, stops when no connection to it was open for ${text}`,
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
      ['on', 'relieves at 3840 MB, does not start streaming above that, saves'],
      ['warn', 'would relieve at 3840 MB, saves'],
    ])('memory guard %s', (SUPERVISE_MEMORY_GUARD, text) => {
      expect(told('web', { RUN_STREAMING: 'on-demand', SUPERVISE_MEMORY_GUARD })).toContain(text);
      expect(told('web', { RUN_STREAMING: 'inline', SUPERVISE_MEMORY_GUARD })).not.toContain('does not start');
    });
  });

  test('worker with several processes, and warnings', () => {
    const env = {
      SIDEKIQ_PROCESSES: '10 5:default,push',
      DB_POOL: '7',
      SIDEKIQ_THREAD: '3',
      SUPERVISE_STOP_TIMEOUT: '60',
    };
    expect(told('worker', env)).toMatchInlineSnapshot(`
      "worker:
        sidekiq-1: bundle exec sidekiq -c 10 -t 55 -g sidekiq-1
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq-1.ready
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets MAGICK_MEMORY_LIMIT=1280MiB unless you do: half the quota for one image, the rest of it on disk
          sets MAGICK_MAP_LIMIT=1280MiB unless you do: half the quota, as MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you do: each thread of libvips has buffers of its own
          starts at once
          ready when it touches tmp/run-sidekiq-1.ready
          queues: default*8, push*6, ingress*4, mailers*2, pull, scheduler, fasp
          10 threads, 7 database connections, 31 Redis connections, 364 MB
        sidekiq-2: bundle exec sidekiq -c 5 -t 55 -g sidekiq-2 -q default,8 -q push,6
          environment: MASTODON_SIDEKIQ_READY_FILENAME=run-sidekiq-2.ready
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
          sets RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO=0.08 unless you do: Ruby grows its heap only when less than 8 % of it is free, not 20 %
          sets RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO=0.15 unless you do: Ruby grows its heap until 15 % of it is free, not 40 %
          sets RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO=0.30 unless you do: Ruby may return pages when more than 30 % of its heap is free, not 65 %
          sets MAGICK_MEMORY_LIMIT=1280MiB unless you do: half the quota for one image, the rest of it on disk
          sets MAGICK_MAP_LIMIT=1280MiB unless you do: half the quota, as MAGICK_MEMORY_LIMIT
          sets VIPS_CONCURRENCY=1 unless you do: each thread of libvips has buffers of its own
          starts at once
          ready when it touches tmp/run-sidekiq-2.ready
          queues: default*8, push*6
          5 threads, 7 database connections, 16 Redis connections, 357 MB
        stops within 60 s: TERM to all at the same time, KILL after 58.5 s
        memory: 731 MB expected (sidekiq-1 364 MB, sidekiq-2 357 MB, ourselves 10 MB) of 2560 MB (SUPERVISE_MEMORY_QUOTA)
        memory guard: warns at 2560 MB, relieves at 3840 MB, saves the dyno at 4736 MB, before the platform ends it at 5120 MB
        database connections: 14, and 28 while an old and a new dyno overlap, of 20 (SUPERVISE_DB_CONNECTIONS)
        Redis connections: 47, and 64 while an old and a new dyno overlap, of 20 (SUPERVISE_REDIS_CONNECTIONS)
        every child gets MSTDN_SUPERVISE_RUN with a random id, by which its descendants are known
        warning: SIDEKIQ_THREAD is not a variable that anything here reads: did you mean SIDEKIQ_THREADS?
        warning: DB_POOL=7 is less than the 10 threads of sidekiq-1, which will wait for database connections
        warning: up to 28 database connections while an old and a new dyno overlap, more than SUPERVISE_DB_CONNECTIONS=20
        warning: up to 47 Redis connections, more than SUPERVISE_REDIS_CONNECTIONS=20
      "
    `);
  });

  test('worker that leaves its queues to sidekiq', () => {
    expect(told('worker', {}, checkout({ sidekiqYml: null }))).toContain('\n    queues: as config/sidekiq.yml says\n');
  });

  test('release', () => {
    expect(told('release', { SKIP_POST_DEPLOYMENT_MIGRATIONS: 'false' })).toMatchInlineSnapshot(`
      "release:
        migrate: bundle exec rails db:migrate
          environment: no PORT
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
        after-migrate: bundle exec rails runner Rails.cache.clear
          environment: no PORT
          sets MALLOC_ARENA_MAX=2 unless you do: ruby's threads leave half as much memory unused
        in this order; the first failure ends the release with its exit code
        stops within 30 s: TERM to the step at work, KILL after 28.5 s
        warning: SKIP_POST_DEPLOYMENT_MIGRATIONS=false: Mastodon skips them when this is set to anything; unset it
      "
    `);
  });

  test('what is switched off is not told, and what is done about memory is', () => {
    const chosen = { MALLOC_ARENA_MAX: '2', SUPERVISE_RUBY_GC: 'default' };
    const env = { ...chosen, MAGICK_MEMORY_LIMIT: '64MiB', VIPS_CONCURRENCY: '2' };
    const text = told('worker', env, checkout({ quota: quota('512M') }));
    expect(text.match(/sets \S+/g)).toEqual(['sets MAGICK_MAP_LIMIT=256MiB', 'sets VIPS_DISC_THRESHOLD=51m']);
    const guard = (value: string): string | undefined =>
      /memory guard: .*/.exec(told('worker', { SUPERVISE_MEMORY_GUARD: value }))?.[0];
    expect(guard('off')).toBe('memory guard: off');
    expect(guard('warn')).toMatch(/^memory guard: warns at \d+ MB, would relieve at /);
  });

  test('an address in NODE_OPTIONS is hidden, the limit after it is not', () => {
    const env = { RUN_STREAMING: 'true', NODE_OPTIONS: '--import=http://me:s3cret@host/x' };
    expect(told('web', env)).toContain('sets NODE_OPTIONS=--import=http://[hidden] --max-old-space-size=1280 unless');
  });

  test('release of an app that runs streaming', () => {
    expect(told('release', { RUN_STREAMING: 'true' })).toMatchInlineSnapshot(`
      "release:
        Not migrating on this app
      "
    `);
  });
});

describe('planAsData', () => {
  test('serve: the plan, and the connections in total', () => {
    const env = { RUN_WORKER: 'true', DB_POOL: '4' };
    const plan = serving('web', env);
    const warnings = [...plan.warnings, ...budgetWarnings(plan.budget)];
    expect([plan.warnings.length, warnings.length]).toEqual([2, 4]);
    expect(data('web', env)).toEqual({ ...plan, warnings, databaseConnections: 12, marker: 'MSTDN_SUPERVISE_RUN' });
    expect(data('web', env)).toMatchObject({
      budget: { memory: { quotaBytes: 2.5 * 2 ** 30 }, database: { most: 12, overlap: 24, limit: 20 } },
      memory: { guard: 'on', source: 'web.1' },
      children: [{ tuning: expect.arrayContaining([expect.objectContaining({ value: '2' })]) as unknown }, {}],
    });
  });

  test('a router: who is behind it, and what rests', () => {
    const env = { RUN_STREAMING: 'on-demand', PORT: '5006', WEB_CONCURRENCY: '0' };
    const MB = 2 ** 20;
    expect(data('web', env)).toMatchObject({
      router: {
        port: 5006,
        bind: null,
        folder: '/tmp/run',
        puma: { child: 'puma', socket: '/tmp/run/puma.sock', onDemand: false, keeps: 5 },
        streaming: { child: 'streaming', socket: '/tmp/run/streaming.sock', onDemand: true, keeps: 0 },
      },
      children: [
        { name: 'puma', start: 'at-once', socket: '/tmp/run/puma.sock', drainMs: 9500 },
        { name: 'streaming', start: { onDemand: { idleMs: 900_000 } }, env: { PORT: null, BIND: null }, drainMs: null },
      ],
      budget: { memory: { expectedBytes: 327 * MB, restingBytes: 204 * MB, ownBytes: 14 * MB } },
      databaseConnections: 15,
    });
    expect(data('web', {})).toMatchObject({ router: null, budget: { memory: { restingBytes: null } } });
  });

  test('release and nothing: the plan', () => {
    expect(data('release', {})).toEqual(planFor('release', {}, checkout()));
    expect(data('release', { RUN_STREAMING: 'true' })).toEqual({
      kind: 'nothing',
      role: 'release',
      reason: 'Not migrating on this app',
      warnings: [],
    });
  });

  test('survives JSON', () => {
    const asData = data('worker', { SIDEKIQ_PROCESSES: '10 5:default' });
    expect(JSON.parse(JSON.stringify(asData))).toEqual(asData);
  });
});

describe('what must not be printed', () => {
  const SECRET = 's3cr%t';
  const addresses = [
    `postgres://mastodon:${SECRET}@db.example:5432/mastodon`,
    `postgres://mastodon:it's ${SECRET} "here"@db.example/mastodon`,
    `redis://:${SECRET}@cache.example:6379/0`,
    `rediss://h:${SECRET}@cache.example`,
    `https://me:${SECRET}@proxy.example`,
  ];
  const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

  test.each(addresses)('%s in commands and values', (address) => {
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
      [env, streaming, router].flatMap((one) => [told(role, one), JSON.stringify(data(role, one))]),
    );
    expect(printed.filter((text) => text.includes(SECRET))).toEqual([]);
    expect(printed.filter((text) => text.includes('.example'))).toEqual([]);
    expect(told('web', env)).toContain(`://[hidden]' run '`);
    expect(told('web', env)).toContain(`://[hidden]' on\n`);
  });
});
