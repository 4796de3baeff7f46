// A dyno under load: requests and jobs on the one side, the platform that measures it on the other.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { DynoCommand, LogEntry } from '../dyno/dyno.ts';
import { makeInstance, untilUp } from '../dyno/instance.ts';
import { JobTracker } from '../dyno/job-tracker.ts';
import type { JobBatch, JobCounts } from '../dyno/job-tracker.ts';
import type { MemorySample } from '../dyno/process-usage.ts';
import { largest, median } from '../report/statistics.ts';
import { Load } from './load.ts';
import { Platform } from './platform.ts';
import type { PlatformOptions, UnexpectedExit } from './platform.ts';

/** `requestsPerSecond`: 0 for none but those that `act` sends. */
export type WorkloadOptions = PlatformOptions & {
  dyno: DynoCommand;
  env: NodeJS.ProcessEnv;
  jobs?: JobBatch & { everyMs: number };
  requestsPerSecond?: number;
};
export type Workload = { jobs: JobTracker; load: Load; platform: Platform };
export type RequestFigures = Pick<Load, 'sent' | 'answered' | 'latenciesMs' | 'slowestMs'> & {
  failed: number;
  /** From the first to the last failure. */
  outageMs: number;
};
/** `acted`: what `act` returned; `peak`: the highest PSS. */
export type WorkloadResult<Acted> = {
  name: string;
  acted: Acted;
  jobs: JobCounts;
  requests: RequestFigures;
  exits: UnexpectedExit[];
  log: LogEntry[];
  overQuotaMs: number;
  samples: MemorySample[];
  peak: number;
};
/** Start of the bursts, of their last third, and their end. */
export type BurstTimes = { beginMs: number; fromMs: number; toMs: number };

const REQUESTS_PER_SECOND = 20;
/** A request in flight when the last job is done needs this long to fail. */
const LAST_REQUESTS_MS = 2000;
/** One job for each thread, so that all threads allocate at the same time. */
const BURST: JobBatch = { count: 5, worker: 'AllocatingWorker', argument: 20 };
const BURSTS = 24;
const LAST_BURSTS = 8;
const BURST_MS = 1250;

/** Starts the dyno, keeps requests and jobs coming while `act` runs, waits until every job is accounted for, and stops it. */
export async function runUnderLoad<Acted>(
  { dyno, env, jobs, requestsPerSecond = REQUESTS_PER_SECOND, ...platformOptions }: WorkloadOptions,
  act: (workload: Workload) => Promise<Acted>,
): Promise<WorkloadResult<Acted>> {
  const instance = await makeInstance(env);
  const platform = new Platform(dyno, instance, platformOptions);
  await untilUp(instance);
  const tracker = new JobTracker(instance.redis);
  const load = new Load(instance.port, requestsPerSecond);
  if (jobs !== undefined) tracker.enqueueEvery(jobs.everyMs, jobs);
  const acted = await act({ jobs: tracker, load, platform });
  tracker.stop();
  const [settled] = await Promise.all([tracker.settle(), pause(LAST_REQUESTS_MS)]);
  await load.stop();
  await platform.stop();
  const { exits, log, overQuotaMs, samples } = platform;
  const peak = largest(samples.map(({ pss }) => pss));
  return {
    name: dyno.name,
    acted,
    jobs: settled,
    requests: requestFigures(load),
    exits,
    log,
    overQuotaMs,
    samples,
    peak,
  };
}

function requestFigures({ sent, answered, latenciesMs, slowestMs, failuresMs }: Load): RequestFigures {
  const outageMs = (failuresMs.at(-1) ?? 0) - (failuresMs[0] ?? 0);
  return { sent, answered, latenciesMs, failed: failuresMs.length, slowestMs, outageMs };
}

/**
 * Runs a fixed number of bursts of allocating jobs, each after the previous one is done, so that a busy machine does not change
 * the work. `pages`: requests that belong to each burst.
 */
export async function workInBursts({ jobs, load }: Workload, { pages = 0 } = {}): Promise<BurstTimes> {
  const beginMs = performance.now();
  let fromMs = beginMs;
  for (let burst = 0; burst < BURSTS; burst += 1) {
    if (burst === BURSTS - LAST_BURSTS) fromMs = performance.now();
    await jobs.enqueue(BURST);
    await Promise.all([pause(BURST_MS), load.sendInTurn(pages)]);
    while ((await jobs.count()).done < jobs.enqueued) await pause(50);
  }
  return { beginMs, fromMs, toMs: performance.now() };
}

/** PSS in bytes, of the whole dyno and by kind of process: medians over the last third of the bursts. */
export function lastThird({ samples, acted: { fromMs, toMs } }: WorkloadResult<BurstTimes>): {
  pss: number;
  puma: number;
  sidekiq: number;
  own: number;
} {
  const last = samples.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  const part = (kind: string) => median(last.map(({ kinds }) => kinds[kind] ?? 0));
  const own = part('shell') + part('supervisor');
  return { pss: median(last.map(({ pss }) => pss)), puma: part('puma'), sidekiq: part('sidekiq'), own };
}

/** Every job ran, every request was answered, and the dyno ran until it was stopped. */
export function isComplete({ jobs, requests, exits }: WorkloadResult<unknown>): boolean {
  return jobs.done === jobs.enqueued && requests.failed === 0 && exits.length === 0;
}
