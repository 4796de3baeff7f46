import type { ChildSpec, ServePlan } from '../../src/plan/spec.ts';

export const MB = 2 ** 20;
const restartByTstp = { quietSignal: 'SIGTSTP', idleTitle: 'idle', quietMs: 60_000, everyMs: null } as const;

/** A child with defaults for everything that a test does not set. */
export function child(name: string, more: Partial<ChildSpec> = {}): ChildSpec {
  const kind = name.startsWith('sidekiq') ? 'sidekiq' : name === 'streaming' ? 'streaming' : 'puma';
  return {
    name,
    kind,
    command: [name],
    env: {},
    tuning: [],
    start: 'at-once',
    ready: { kind: 'http', at: { host: '127.0.0.1', port: 1 }, path: '/', settleMs: 0 },
    forwardedSignals: kind === 'sidekiq' ? ['SIGTTIN'] : ['SIGUSR1', 'SIGUSR2'],
    threads: 5,
    queues: null,
    databaseConnections: 5,
    redisConnections: 5,
    memory: { expectedBytes: 100 * MB, oomScoreAdj: 0, workers: 0, restart: kind === 'sidekiq' ? restartByTstp : null },
    socket: null,
    drainMs: null,
    ...more,
  };
}

/** A puma behind a router. It can be restarted, because the router reports when no request is in flight. */
export function routedPuma(more: Partial<ChildSpec> = {}): ChildSpec {
  const puma = child('puma', { drainMs: 10_000, ...more });
  const restart = { quietSignal: null, idleTitle: '', quietMs: 20_000, everyMs: null };
  return { ...puma, memory: { ...puma.memory, restart } };
}

/** A child that runs on demand. */
export function onDemand(name: string, idleMs: number, more: Partial<ChildSpec> = {}): ChildSpec {
  return child(name, { start: { onDemand: { idleMs } }, ...more });
}

export function servePlan(...children: ChildSpec[]): ServePlan {
  const stop = { budgetMs: 30_000, killAfterMs: 28_500, exitAfterMs: 29_700 };
  const memory = { quota: null, guard: 'on', logEveryMs: null, source: 'web.1' } as const;
  return { kind: 'serve', role: 'web', children, stop, memory, router: null, warnings: [] };
}

/** puma; sidekiq starts when puma is ready, after 45 s at the latest. */
export const web = servePlan(child('puma'), child('sidekiq', { start: { afterReady: 'puma', timeoutMs: 45_000 } }));
export const worker = servePlan(child('sidekiq'));
