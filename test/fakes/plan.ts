import type { ChildSpec, ServePlan } from '../../src/plan/spec.ts';

/** A child as the plan room makes them, with what a test does not care about filled in. */
export function child(name: string, more: Partial<ChildSpec> = {}): ChildSpec {
  const kind = name.startsWith('sidekiq') ? 'sidekiq' : name === 'streaming' ? 'streaming' : 'puma';
  return {
    name,
    kind,
    command: [name],
    env: {},
    start: 'at-once',
    ready: { by: 'http', at: { host: '127.0.0.1', port: 1 }, path: '/' },
    forwards: kind === 'sidekiq' ? ['SIGTTIN'] : ['SIGUSR1', 'SIGUSR2'],
    threads: 5,
    queues: null,
    databaseConnections: 5,
    ...more,
  };
}

export function servePlan(...children: ChildSpec[]): ServePlan {
  const stop = { budgetMs: 30_000, killAfterMs: 28_500, leaveAfterMs: 29_700 };
  return { kind: 'serve', role: 'web', children, stop, warnings: [] };
}

/** puma, and sidekiq once puma is ready, after 45 s at the latest. */
export const web = servePlan(child('puma'), child('sidekiq', { start: { afterReady: 'puma', atMostMs: 45_000 } }));
export const worker = servePlan(child('sidekiq'));
