import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { ChildSpec, RouterPlan } from '../../src/plan/spec.ts';
import { checkout, child, elsewhere, problemsOf, serving, warningsOf, planFor } from './checkout.ts';

const PUMA = { child: 'puma', socket: '/tmp/run/puma.sock', onDemand: false, maxKeptConnections: 10 };
const STREAMING = { child: 'streaming', socket: '/tmp/run/streaming.sock', onDemand: false, maxKeptConnections: 0 };
const ON_DEMAND = { ...STREAMING, onDemand: true };

const INLINE: Environment = { RUN_STREAMING: 'inline' };
const DEMANDED: Environment = { RUN_STREAMING: 'on-demand' };
const ROUTER_ONLY: Environment = { SUPERVISE_ROUTER: 'true' };
const WITH_A_ROUTER = [INLINE, DEMANDED, ROUTER_ONLY];

function router(env: Environment): RouterPlan | null {
  return serving('web', env).router;
}

describe('which dynos have a router', () => {
  test.each<[Environment, Pick<RouterPlan, 'puma' | 'streaming'> | null]>([
    [{}, null],
    [{ SUPERVISE_ROUTER: '' }, null],
    [{ SUPERVISE_ROUTER: 'false' }, null],
    [{ RUN_STREAMING: 'true' }, null],
    [{ RUN_STREAMING: 'true', SUPERVISE_ROUTER: 'false' }, null],
    [{ RUN_STREAMING: 'Inline' }, null],
    [{ RUN_STREAMING: 'false' }, null],
    [ROUTER_ONLY, { puma: PUMA, streaming: null }],
    [
      { RUN_STREAMING: 'false', ...ROUTER_ONLY },
      { puma: PUMA, streaming: null },
    ],
    [INLINE, { puma: PUMA, streaming: STREAMING }],
    [
      { ...INLINE, ...ROUTER_ONLY },
      { puma: PUMA, streaming: STREAMING },
    ],
    [DEMANDED, { puma: PUMA, streaming: ON_DEMAND }],
    [
      { ...DEMANDED, ...ROUTER_ONLY },
      { puma: PUMA, streaming: ON_DEMAND },
    ],
  ])('web with %o', (env, expected) => {
    expect(router(env)).toEqual(
      expected && { port: 3000, bind: null, folder: '/tmp/run', maxConnections: 10_000, ...expected },
    );
  });

  test.each(WITH_A_ROUTER)('a worker never has one, with %o: its plan is the same', (env) => {
    const socket = { SOCKET: '/tmp/puma.sock', SUPERVISE_STREAMING_IDLE: '5m' };
    expect(planFor('worker', { ...env, ...socket }, checkout())).toEqual(planFor('worker', {}, checkout()));
    expect(serving('worker', env).router).toBeNull();
  });

  test.each(WITH_A_ROUTER)('release migrates with %o', (env) => {
    const socket = { SOCKET: '/tmp/puma.sock', SUPERVISE_STREAMING_IDLE: '5m' };
    expect(planFor('release', { ...env, ...socket }, checkout())).toEqual(planFor('release', {}, checkout()));
  });

  test('SUPERVISE_ROUTER=false does not change a plan without a router', () => {
    const plan = serving('web', { RUN_WORKER: 'true', PORT: '5006' });
    expect(serving('web', { RUN_WORKER: 'true', PORT: '5006', SUPERVISE_ROUTER: 'false' })).toEqual(plan);
    expect(plan.children.map(({ name, socket, drainMs }) => [name, socket, drainMs])).toEqual([
      ['puma', null, null],
      ['sidekiq', null, null],
    ]);
    expect(JSON.stringify(plan)).not.toContain('.sock');
  });
});

describe('where the router listens', () => {
  test.each<[Environment, number, string | null]>([
    [{}, 3000, null],
    [{ PORT: '5006' }, 5006, null],
    [{ PORT: '5006', BIND: '' }, 5006, null],
    [{ BIND: '0.0.0.0' }, 3000, '0.0.0.0'],
    [{ BIND: '127.0.0.1' }, 3000, '127.0.0.1'],
    [{ BIND: '::1' }, 3000, '::1'],
    [{ BIND: '[::]' }, 3000, '::'],
    [{ BIND: 'localhost' }, 3000, 'localhost'],
  ])('with %o', (env, port, bind) => {
    for (const routed of WITH_A_ROUTER) expect(router({ ...routed, ...env })).toMatchObject({ port, bind });
  });

  test('its sockets are in the socket folder', () => {
    const plan = serving('web', INLINE, checkout({ socketFolder: '/var/tmp/mine' }));
    expect(plan.router).toMatchObject({
      folder: '/var/tmp/mine',
      puma: { socket: '/var/tmp/mine/puma.sock' },
      streaming: { socket: '/var/tmp/mine/streaming.sock' },
    });
    expect(plan.children.map(({ socket }) => socket)).toEqual([
      '/var/tmp/mine/puma.sock',
      '/var/tmp/mine/streaming.sock',
    ]);
  });
});

describe('children behind the router', () => {
  /** The name of each child, and what it waits for. */
  const starts = (env: Environment): unknown[] =>
    serving('web', env).children.map(({ name, start }) => (start === 'at-once' ? name : [name, start]));
  const sidekiq = ['sidekiq', { afterReady: 'puma', timeoutMs: 45_000 }];
  const onDemand = (idleMs: number): unknown => ['streaming', { onDemand: { idleMs } }];

  test.each<[Environment, unknown[]]>([
    [ROUTER_ONLY, ['puma']],
    [{ ...ROUTER_ONLY, RUN_WORKER: 'true' }, ['puma', sidekiq]],
    [INLINE, ['puma', 'streaming']],
    [{ ...INLINE, RUN_WORKER: 'true' }, ['puma', 'streaming', sidekiq]],
    [DEMANDED, ['puma', onDemand(900_000)]],
    [{ ...DEMANDED, RUN_WORKER: 'true' }, ['puma', onDemand(900_000), sidekiq]],
    [{ ...DEMANDED, SUPERVISE_STREAMING_IDLE: '10s' }, ['puma', onDemand(10_000)]],
    [{ ...DEMANDED, SUPERVISE_STREAMING_IDLE: '2h' }, ['puma', onDemand(7_200_000)]],
  ])('with %o', (env, expected) => {
    expect(starts(env)).toEqual(expected);
  });

  const servers = ['puma', 'streaming'] as const;
  const health = {
    puma: { path: '/health', settleMs: 0 },
    streaming: { path: '/api/v1/streaming/health', settleMs: 500 },
  };

  test.each(servers)('%s has its own socket, and cannot listen on the port', (name) => {
    for (const env of [INLINE, DEMANDED]) {
      const settings = { PORT: '5006', BIND: '[::]', MALLOC_ARENA_MAX: '2', SUPERVISE_RUBY_GC: 'default' };
      const spec = child(serving('web', { ...env, ...settings }, checkout({ quota: null })), name);
      const socket = `/tmp/run/${name}.sock`;
      expect(spec.env).toEqual({ SOCKET: socket, PORT: null, BIND: null });
      expect(spec.socket).toBe(socket);
      expect(spec.ready).toEqual({ kind: 'http', at: { socket }, ...health[name] });
    }
  });

  test('the other properties of each child stay the same', () => {
    const pools = { PUMA_DB_POOL: '7', STREAMING_DB_POOL: '3' };
    const without = serving('web', pools);
    const plan = serving('web', { ...pools, ...DEMANDED });
    const puma = child(plan, 'puma');
    expect(puma.env).toEqual({ ...child(without, 'puma').env, BIND: null, PORT: null, SOCKET: PUMA.socket });
    expect(puma).toEqual({
      ...child(without, 'puma'),
      env: puma.env,
      ready: puma.ready,
      socket: puma.socket,
      drainMs: 9500,
    });
    expect(child(plan, 'streaming').env).toMatchObject({ DB_POOL: '3', NODE_OPTIONS: '--max-old-space-size=640' });
  });

  test('sidekiq is the same as without a router', () => {
    const sidekiqWith = (env: Environment): ChildSpec =>
      child(serving('web', { RUN_WORKER: 'true', ...env }), 'sidekiq');
    for (const env of WITH_A_ROUTER) expect(sidekiqWith(env)).toEqual(sidekiqWith({}));
  });

  test.each([
    ['2', 166],
    ['8', 2166],
    ['30', 9500],
    ['31.5', 10_000],
    ['60', 10_000],
    ['3600', 10_000],
  ])('with %s s to stop, puma waits at most %i ms for its requests in flight', (SUPERVISE_STOP_TIMEOUT, drainMs) => {
    for (const env of WITH_A_ROUTER) {
      const plan = serving('web', { ...env, RUN_WORKER: 'true', SUPERVISE_STOP_TIMEOUT });
      const others = plan.children.filter(({ name }) => name !== 'puma');
      expect(child(plan, 'puma').drainMs).toBe(drainMs);
      expect(drainMs * 3).toBeLessThanOrEqual(plan.stop.killAfterMs);
      expect(others.map((spec) => spec.drainMs)).toEqual(others.map(() => null));
    }
  });
});

describe('contradictory settings', () => {
  const noPuma = 'SUPERVISE_ROUTER=true needs puma, but RUN_STREAMING=true does not run it; change one of them';
  const needed = (value: string): string =>
    `RUN_STREAMING=${value} needs the router, but SUPERVISE_ROUTER=false disables it; change one of them`;
  const socket =
    'SOCKET cannot be used with the router, which listens on PORT and gives puma and streaming their own sockets; unset SOCKET';
  const SOCKET = '/tmp/puma.sock';

  test.each<[Environment, string[]]>([
    [{ RUN_STREAMING: 'true', SUPERVISE_ROUTER: 'true' }, [noPuma]],
    [{ RUN_STREAMING: 'true', SUPERVISE_ROUTER: 'true', SOCKET }, [noPuma]],
    [{ ...INLINE, SUPERVISE_ROUTER: 'false' }, [needed('inline')]],
    [{ ...DEMANDED, SUPERVISE_ROUTER: 'false' }, [needed('on-demand')]],
    [{ ...DEMANDED, SUPERVISE_ROUTER: 'false', SOCKET }, [needed('on-demand'), socket]],
    [{ ...INLINE, SOCKET }, [socket]],
    [{ ...DEMANDED, SOCKET }, [socket]],
    [{ ...ROUTER_ONLY, SOCKET }, [socket]],
    [{ SOCKET }, []],
    [{ SUPERVISE_ROUTER: 'false', SOCKET }, []],
    [{ RUN_STREAMING: 'true', SOCKET }, []],
    [{ ...DEMANDED, SOCKET: '' }, []],
  ])('with %o: problems only of a web dyno', (env, problems) => {
    expect(problemsOf('web', env)).toEqual(problems);
    expect(problemsOf('worker', env)).toEqual([]);
    expect(problemsOf('release', env)).toEqual([]);
  });

  test('are reported with all other problems', () => {
    const env = { ...DEMANDED, SUPERVISE_ROUTER: 'false', SOCKET, PORT: 'http', SUPERVISE_STREAMING_IDLE: 'soon' };
    expect(problemsOf('web', env, elsewhere())).toEqual([
      'PORT="http": expected a whole number from 1 to 65535',
      'SUPERVISE_STREAMING_IDLE="soon": expected a duration such as 90s, 30m or 6h, from 1s to 7d',
      needed('on-demand'),
      socket,
      expect.stringContaining('no config/puma.rb in /home/me'),
      expect.stringContaining('no streaming in /home/me'),
    ]);
  });

  test.each<Role>(['web', 'worker', 'release'])(
    '%s: an invalid SUPERVISE_ROUTER is a problem, even if it is not used',
    (role) => {
      const problem = 'SUPERVISE_ROUTER="yes": expected one of: true, false';
      expect(problemsOf(role, { SUPERVISE_ROUTER: 'yes' })).toEqual([problem]);
      expect(problemsOf(role, { ...INLINE, SUPERVISE_ROUTER: 'yes' })).toEqual([problem]);
    },
  );
});

test('a web dyno warns about SUPERVISE_STREAMING_IDLE without on-demand streaming', () => {
  const warning =
    'SUPERVISE_STREAMING_IDLE=5m has no effect: idle streaming is stopped only with RUN_STREAMING=on-demand';
  const warnings = (role: Role, env: Environment): readonly string[] =>
    warningsOf(role, { ...env, SUPERVISE_STREAMING_IDLE: '5m' });
  for (const env of [{}, INLINE, ROUTER_ONLY, { RUN_STREAMING: 'true' }]) {
    expect(warnings('web', env)).toEqual([warning]);
    expect(warnings('worker', env)).toEqual([]);
    expect(warnings('release', env)).toEqual([]);
  }
  expect(warnings('web', DEMANDED)).toEqual([]);
  expect(warningsOf('web', { SUPERVISE_STREAMING_IDLE: '' })).toEqual([]);
});

describe('puma can be restarted behind a router, unless it is a cluster', () => {
  test.each<[Environment, boolean]>([
    [{ WEB_CONCURRENCY: '0' }, false],
    [{ WEB_CONCURRENCY: '0', ...ROUTER_ONLY }, true],
    [{ WEB_CONCURRENCY: '0', ...DEMANDED }, true],
    [{ WEB_CONCURRENCY: '1', ...DEMANDED }, false],
  ])('with %o: %s', (env, canRestart) => {
    const restart = { quietSignal: null, idleTitle: '', quietMs: 9500, everyMs: null };
    expect(child(serving('web', env), 'puma').memory.restart).toEqual(canRestart ? restart : null);
  });
});
