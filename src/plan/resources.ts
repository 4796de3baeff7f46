import type { Settings } from '../config/settings.ts';
import type { Machine, Quota } from './machine.ts';
import type { ChildKind, ChildMemory, ChildSpec, EnvironmentChange } from './spec.ts';
import { pumaProcesses, pumaWorkers } from './tuning.ts';

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

/** The kernel's choice when memory is out: anything transient first, then sidekiq, whose jobs come back, puma last. */
const OOM_SCORE_ADJ = { puma: 100, streaming: 200, sidekiq: 300 } as const;
/** Sidekiq 6.4 to 8 writes `sidekiq 6.4.1 app [0 of 5 busy] stopping` over its command line at each heartbeat, every 5 s
 * (from 7 on every 10 s): lib/sidekiq/launcher.rb, PROCTITLES. What does not fit in the space of the command line is cut
 * off, so the first letter of `stopping` has to do. */
const SIDEKIQ_IDLE = String.raw`^sidekiq \S+ .*\[0 of \d+ busy\] s`;
/** How far apart the recycles of several sidekiq processes fall, as a part of the spread; no small fraction repeats it. */
const GOLDEN = 0.618;

export function pumaMemory(settings: Settings, { quota }: Machine): ChildMemory {
  const workers = pumaWorkers(settings, quota);
  const expected = expectedBytes('puma', 0, workers);
  return { expectedBytes: expected, oomScoreAdj: OOM_SCORE_ADJ.puma, workers, restart: null };
}

export function streamingMemory(): ChildMemory {
  const expected = expectedBytes('streaming', 0, 0);
  return { expectedBytes: expected, oomScoreAdj: OOM_SCORE_ADJ.streaming, workers: 0, restart: null };
}

/** index: which of the sidekiq processes of the dyno it is, from 0. */
export function sidekiqMemory(settings: Settings, { jitter }: Machine, threads: number, index: number): ChildMemory {
  const { SUPERVISE_RECYCLE_EVERY: every, SUPERVISE_RECYCLE_QUIET: quietMs } = settings;
  const everyMs = every === null ? null : spread(every, (jitter + index * GOLDEN) % 1);
  return {
    expectedBytes: expectedBytes('sidekiq', threads, 0),
    oomScoreAdj: OOM_SCORE_ADJ.sidekiq,
    workers: 0,
    restart: { quiet: 'SIGTSTP', idleTitle: SIDEKIQ_IDLE, quietMs, everyMs },
  };
}

/** A tenth more or less, so that not every dyno recycles at the same time. */
function spread(ms: number, part: number): number {
  return Math.round(ms * (0.9 + 0.2 * part));
}

/** Bytes. */
const MIB = 2 ** 20;

/** Ourselves: 6 to 8 MB private after the start, measured on Node 24, and room for what is in hand. */
const OWN = 10 * MIB;
/** Its code, and a buffer or two for each connection that is at work. */
const ROUTER = 4 * MIB;

export function ownBytes(hasRouter: boolean): number {
  return hasRouter ? OWN + ROUTER : OWN;
}

/** A Mastodon of one person after a week: web 362 MiB (a master with two workers of five threads), sidekiq 385 MiB (25
 * threads), https://github.com/mastodon/chart/pull/14. How that is shared out is measured with the Rails app of our
 * tests, where a single process holds 52 % of what a master and two workers hold, each worker 29 %, and where each thread
 * of sidekiq adds 0.4 %; PSS, MALLOC_ARENA_MAX=2. */
const SINGLE_PUMA = 190 * MIB;
const PUMA_MASTER = 152 * MIB;
const PUMA_WORKER = 105 * MIB;
const SIDEKIQ = 350 * MIB;
const SIDEKIQ_THREAD = 1.4 * MIB;
/** The server of 2026 at rest: 175 MB RSS, 123 MB of it private, measured. */
const STREAMING = 123 * MIB;

/** What a child is expected to hold when it is at work, in bytes, shared pages counted once. */
export function expectedBytes(kind: ChildKind, threads: number, workers: number): number {
  switch (kind) {
    case 'puma':
      return workers === 0 ? SINGLE_PUMA : PUMA_MASTER + workers * PUMA_WORKER;
    case 'sidekiq':
      return Math.round(SIDEKIQ + threads * SIDEKIQ_THREAD);
    case 'streaming':
      return STREAMING;
  }
}
