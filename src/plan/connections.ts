import type { Quota } from './place.ts';
import { pumaProcesses } from './puma-workers.ts';
import type { ChildKind, ChildSpec, EnvironmentChange } from './spec.ts';
import type { Settings } from './settings.ts';

const STREAMING_POOL = 10;
const POOL_OF = { puma: 'PUMA_DB_POOL', sidekiq: 'SIDEKIQ_DB_POOL', streaming: 'STREAMING_DB_POOL' } as const;
/** Mastodon's Ruby processes have three Redis pools, each filled as far as threads ask at the same time: its own
 * (app/lib/redis_connection.rb), the cache's (lib/mastodon/redis_configuration.rb) and Sidekiq's. */
const REDIS_POOLS = 3;
/** Sidekiq's heartbeat and scheduler, beside its threads: measured with 6.4, of 5 threads 6 connections. */
const SIDEKIQ_HOUSEKEEPING = 1;
/** One that subscribes and one for the rest (streaming/index.js). */
const STREAMING_REDIS = 2;

/** Upstream's five where MAX_THREADS is unset. */
export function pumaThreads({ MAX_THREADS }: Settings): number {
  return MAX_THREADS ?? 5;
}

/** The pool that is set for this kind of child alone, as Mastodon reads it. */
export function ownPool(kind: ChildKind, settings: Settings): EnvironmentChange {
  const pool = settings[POOL_OF[kind]];
  return pool === null ? {} : { DB_POOL: `${pool}` };
}

/** The most database connections that a child of this kind opens: its processes times its pool. */
export function databaseConnections(kind: ChildKind, settings: Settings, quota: Quota | null, threads = 0): number {
  const pool = settings[POOL_OF[kind]] ?? settings.DB_POOL;
  switch (kind) {
    case 'puma':
      return pumaProcesses(settings, quota) * (pool ?? pumaThreads(settings));
    case 'sidekiq':
      return pool ?? threads;
    case 'streaming':
      return pool ?? STREAMING_POOL;
  }
}

/** The most Redis connections that a child of this kind opens. Measured with pools like Mastodon's, 5 threads: of 15 puma
 * opens 3 for one user and 12 for ten at a time; sidekiq, of 16, 9 and 13. */
export function redisConnections(kind: ChildKind, settings: Settings, quota: Quota | null, threads = 0): number {
  switch (kind) {
    case 'puma':
      return pumaProcesses(settings, quota) * REDIS_POOLS * pumaThreads(settings);
    case 'sidekiq':
      return REDIS_POOLS * threads + SIDEKIQ_HOUSEKEEPING;
    case 'streaming':
      return STREAMING_REDIS;
  }
}

/** What a child has opened once it is ready: the pools fill when they are asked, but sidekiq's threads ask at once. */
export function redisConnectionsAtFirst({ kind, threads }: ChildSpec): number {
  if (kind === 'sidekiq') return (threads ?? 0) + SIDEKIQ_HOUSEKEEPING;
  return kind === 'streaming' ? STREAMING_REDIS : 0;
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
