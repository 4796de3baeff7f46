import type { Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import type { ChildKind, ChildMemory, ChildSpec, EnvironmentChange } from './spec.ts';
import { pumaProcesses, pumaWorkers } from './tuning.ts';

const STREAMING_POOL = 10;
const POOL_SETTINGS = { puma: 'PUMA_DB_POOL', sidekiq: 'SIDEKIQ_DB_POOL', streaming: 'STREAMING_DB_POOL' } as const;
/** Mastodon's Ruby processes have three Redis pools: its own (app/lib/redis_connection.rb), the cache's
 * (lib/mastodon/redis_configuration.rb) and Sidekiq's. Each grows up to the number of threads that use it at the
 * same time. */
const REDIS_POOLS = 3;
/** For Sidekiq's heartbeat and scheduler. Measured with Sidekiq 6.4: 6 connections with 5 threads. */
const SIDEKIQ_HOUSEKEEPING = 1;
/** One for subscriptions and one for everything else (streaming/index.js). */
const STREAMING_REDIS = 2;

/** The default is that of Mastodon's config/puma.rb. */
export function pumaThreads({ MAX_THREADS }: Settings): number {
  return MAX_THREADS ?? 5;
}

/** DB_POOL for this kind of child, if it has a setting of its own such as PUMA_DB_POOL. */
export function ownPool(kind: ChildKind, settings: Settings): EnvironmentChange {
  const pool = settings[POOL_SETTINGS[kind]];
  return pool === null ? {} : { DB_POOL: `${pool}` };
}

/** The maximum number of database connections of a child: its processes times its pool. */
export function databaseConnections(kind: ChildKind, settings: Settings, quota: Quota | null, threads = 0): number {
  const pool = settings[POOL_SETTINGS[kind]] ?? settings.DB_POOL;
  switch (kind) {
    case 'puma':
      return pumaProcesses(settings, quota) * (pool ?? pumaThreads(settings));
    case 'sidekiq':
      return pool ?? threads;
    case 'streaming':
      return pool ?? STREAMING_POOL;
  }
}

/** The maximum number of Redis connections of a child. Measured with pools like Mastodon's and 5 threads: of at most
 * 15, puma opens 3 with one user and 12 with ten users at a time; of at most 16, sidekiq opens 9 and 13. */
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

/** The Redis connections of a child that has just become ready. Pools open connections on use, and sidekiq's threads
 * use theirs at once. */
export function redisConnectionsAtStart({ kind, threads }: ChildSpec): number {
  if (kind === 'sidekiq') return (threads ?? 0) + SIDEKIQ_HOUSEKEEPING;
  return kind === 'streaming' ? STREAMING_REDIS : 0;
}

/** Warns about a pool that is smaller than the number of threads that share it: under load, they wait for each other
 * and time out. */
export function poolWarnings(children: readonly ChildSpec[], settings: Settings): string[] {
  return children.flatMap(({ name, kind, threads }) => {
    const variable = POOL_SETTINGS[kind];
    const own = settings[variable];
    const pool = own ?? settings.DB_POOL;
    if (pool === null || threads === null || pool >= threads) return [];
    const assignment = `${own === null ? 'DB_POOL' : variable}=${pool}`;
    return [`${assignment} is less than the ${threads} threads of ${name}, which will wait for database connections`];
  });
}

/** When memory runs out, the kernel kills helper processes first, then sidekiq, whose jobs return to Redis, and puma
 * last. */
const OOM_SCORE_ADJ = { puma: 100, streaming: 200, sidekiq: 300 } as const;
/** At each heartbeat, Sidekiq 6.4 to 8 overwrites its command line with `sidekiq 6.4.1 app [0 of 5 busy] stopping`.
 * The heartbeat comes every 5 s, from Sidekiq 7 on every 10 s (lib/sidekiq/launcher.rb, PROCTITLES). The text is cut
 * to the length of the command line, so the pattern needs only the first letter of `stopping`. */
const SIDEKIQ_IDLE = String.raw`^sidekiq \S+ .*\[0 of \d+ busy\] s`;
/** Distance between the periodic restarts of two sidekiq processes, as a part of the spread. Multiples of the golden
 * ratio stay apart for any number of processes. */
const GOLDEN_RATIO = 0.618;

const MIB = 2 ** 20;

/** The supervisor: 6 to 8 MB of private memory after its start, measured with Node 24, and some reserve. */
const SUPERVISOR = 10 * MIB;
/** Its code, and one or two buffers for each active connection. */
const ROUTER = 4 * MIB;

/** Memory of the supervisor itself. */
export function ownBytes(hasRouter: boolean): number {
  return hasRouter ? SUPERVISOR + ROUTER : SUPERVISOR;
}

/** A single-user instance after a week: web 362 MiB (a master with two workers of five threads), sidekiq 385 MiB (25
 * threads), from https://github.com/mastodon/chart/pull/14. The shares are measured with the Rails app of the tests,
 * as PSS with MALLOC_ARENA_MAX=2: of a master with two workers, a single process takes 52 %, each worker 29 %; each
 * thread of sidekiq adds 0.4 %. In bytes of a busy child; shared pages count once. */
const SINGLE_PUMA = 190 * MIB;
const PUMA_MASTER = 152 * MIB;
const PUMA_WORKER = 105 * MIB;
const SIDEKIQ = 350 * MIB;
const SIDEKIQ_THREAD = 1.4 * MIB;
/** Measured with the idle streaming server of 2026: 175 MB RSS, of which 123 MB are private. */
const STREAMING = 123 * MIB;

export function pumaMemory(settings: Settings, { quota }: Machine): ChildMemory {
  const workers = pumaWorkers(settings, quota);
  const expectedBytes = workers === 0 ? SINGLE_PUMA : PUMA_MASTER + workers * PUMA_WORKER;
  return { expectedBytes, oomScoreAdj: OOM_SCORE_ADJ.puma, workers, restart: null };
}

export function streamingMemory(): ChildMemory {
  return { expectedBytes: STREAMING, oomScoreAdj: OOM_SCORE_ADJ.streaming, workers: 0, restart: null };
}

/** index: position among the sidekiq processes of the dyno, from 0. */
export function sidekiqMemory(settings: Settings, { jitter }: Machine, threads: number, index: number): ChildMemory {
  const { SUPERVISE_RECYCLE_EVERY: every, SUPERVISE_RECYCLE_QUIET: quietMs } = settings;
  const everyMs = every === null ? null : spread(every, (jitter + index * GOLDEN_RATIO) % 1);
  return {
    expectedBytes: Math.round(SIDEKIQ + threads * SIDEKIQ_THREAD),
    oomScoreAdj: OOM_SCORE_ADJ.sidekiq,
    workers: 0,
    restart: { quietSignal: 'SIGTSTP', idleTitle: SIDEKIQ_IDLE, quietMs, everyMs },
  };
}

/** Up to a tenth more or less, so that not all dynos restart sidekiq at the same time. part: from 0 to 1. */
function spread(ms: number, part: number): number {
  return Math.round(ms * (0.9 + 0.2 * part));
}
