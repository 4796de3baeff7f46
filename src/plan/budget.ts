import type { ChildKind, ChildSpec } from './spec.ts';
import type { Settings } from './settings.ts';

/** What upstream's config/puma.rb takes when WEB_CONCURRENCY is unset. */
const PUMA_WORKERS = 2;
const STREAMING_POOL = 10;
const POOL_OF = { puma: 'PUMA_DB_POOL', sidekiq: 'SIDEKIQ_DB_POOL', streaming: 'STREAMING_DB_POOL' } as const;

/** The most database connections that a child of this kind opens: its processes times its pool. */
export function connections(kind: ChildKind, settings: Settings, threads = 0): number {
  switch (kind) {
    case 'puma': {
      const processes = Math.max(1, settings.WEB_CONCURRENCY ?? PUMA_WORKERS);
      return processes * (settings.PUMA_DB_POOL ?? settings.DB_POOL ?? settings.MAX_THREADS ?? 5);
    }
    case 'sidekiq':
      return settings.SIDEKIQ_DB_POOL ?? settings.DB_POOL ?? threads;
    case 'streaming':
      return settings.STREAMING_DB_POOL ?? settings.DB_POOL ?? STREAMING_POOL;
  }
}

export function totalConnections(children: readonly ChildSpec[]): number {
  return children.reduce((sum, child) => sum + child.databaseConnections, 0);
}

/** A pool smaller than the threads that share it: they wait for one another and time out under load. */
export function poolWarnings(children: readonly ChildSpec[], settings: Settings): string[] {
  return children.flatMap(({ name, kind, threads }) => {
    const variable = POOL_OF[kind];
    const own = settings[variable];
    const pool = own ?? settings.DB_POOL;
    if (pool === null || threads === null || pool >= threads) return [];
    const said = `${own === null ? 'DB_POOL' : variable}=${pool}`;
    return [`${said} is less than the ${threads} threads of ${name}, which will wait for database connections`];
  });
}
