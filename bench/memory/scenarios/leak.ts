// A sidekiq whose jobs leak, under a steady load: the supervisor restarts it gracefully, and no request or job is lost.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { SUPERVISOR } from '../../dyno/dyno.ts';
import { areaChart } from '../../report/chart.ts';
import { megabytes, MIB, seconds } from '../../report/format.ts';
import type { Row } from '../../report/markdown.ts';
import { largest, median } from '../../report/statistics.ts';
import type { PlatformOptions } from '../platform.ts';
import type { Claim, Say, ScenarioResult } from '../scenario.ts';
import { quotaLevels, timelineMarks } from '../timeline.ts';
import { runUnderLoad } from '../workload.ts';
import type { Workload, WorkloadResult } from '../workload.ts';

const LEAK_KB = 1024;
const LEAK = { everyMs: 250, count: 1, worker: 'LeakingWorker', argument: LEAK_KB };
const NO_LEAK = { ...LEAK, worker: 'RecordedWorker', argument: 0.1 };
const TIMEOUT_MS = 90_000;
const AFTERWARDS_MS = 20_000;
const REST_MS = 8000;
/** Multiple of the memory at rest: close enough that the leak reaches 150 per cent of it in under a minute. */
const QUOTA_OVER_REST = 1.2;

/** When the new sidekiq was ready; Infinity if it never was. */
type Recycled = { readyAgainMs: number };

export async function leak(say: Say): Promise<ScenarioResult> {
  const rest = await run({ SUPERVISE_MEMORY_GUARD: 'off', WEB_CONCURRENCY: '0' }, NO_LEAK, () => pause(REST_MS));
  const restBytes = median(rest.samples.slice(-30).map(({ pss }) => pss));
  const quota = Math.round((QUOTA_OVER_REST * restBytes) / MIB) * MIB;
  say(`memory at rest ${megabytes(restBytes)}, quota ${megabytes(quota)}`);
  const env = { SUPERVISE_MEMORY_QUOTA: `${quota / MIB}M`, SUPERVISE_MEMORY_KILLS_AT: '200' };
  const result = await run(env, LEAK, untilRecycled, { quota, killsAt: 2 * quota });
  return {
    title: `A sidekiq that leaks ${LEAK_KB / 1024} MB a job, quota ${megabytes(quota)}`,
    rows: rowsOf(result, restBytes, quota),
    claims: claimsOf(result),
    log: result.log,
    images: { 'memory-leak.svg': chartOf(result, quota) },
  };
}

function run<Acted>(
  env: NodeJS.ProcessEnv,
  jobs: typeof LEAK,
  act: (workload: Workload) => Promise<Acted>,
  limits: PlatformOptions = {},
): Promise<WorkloadResult<Acted>> {
  return runUnderLoad({ dyno: SUPERVISOR, env, jobs, ...limits }, act);
}

/** Goes on for a while after the restart. */
async function untilRecycled({ platform }: Workload): Promise<Recycled> {
  const deadline = performance.now() + TIMEOUT_MS;
  const readyAgain = () => platform.log.filter(({ event, child }) => event === 'ready' && child === 'sidekiq').at(1);
  while (readyAgain() === undefined && performance.now() < deadline) await pause(100);
  if (readyAgain() !== undefined) await pause(AFTERWARDS_MS);
  return { readyAgainMs: readyAgain()?.atMs ?? Infinity };
}

function rowsOf(result: WorkloadResult<Recycled>, restBytes: number, quota: number): Row[] {
  const { jobs, requests, samples, log } = result;
  const { readyAgainMs } = result.acted;
  const quietMs = log.find(({ event }) => event === 'graceful-restart')?.atMs ?? Infinity;
  const sidekiq = samples.map(({ atMs, kinds }) => ({ atMs, bytes: kinds.sidekiq ?? 0 }));
  const bytesBetween = (fromMs: number, toMs: number) =>
    sidekiq.filter(({ atMs }) => atMs > fromMs && atMs < toMs).map(({ bytes }) => bytes);
  return [
    ['', 'a leaking sidekiq'],
    ['whole dyno at rest', megabytes(restBytes)],
    ['quota', megabytes(quota)],
    ['whole dyno at most', megabytes(result.peak)],
    ['sidekiq before', megabytes(largest(bytesBetween(-Infinity, readyAgainMs)))],
    ['sidekiq after', megabytes(median(bytesBetween(readyAgainMs, readyAgainMs + 3000)))],
    ['quiet to ready again', seconds(readyAgainMs - quietMs)],
    ['jobs handed in', jobs.enqueued],
    ['jobs done', jobs.done],
    ['jobs lost', jobs.lost],
    ['requests sent', requests.sent],
    ['requests failed', requests.failed],
    ['slowest answer', seconds(requests.slowestMs)],
  ];
}

function claimsOf({ exits, jobs, requests, log }: WorkloadResult<Recycled>): Claim[] {
  const restarts = log.filter(({ event }) => event === 'graceful-restart').length;
  return [
    { text: 'sidekiq is restarted once, the dyno does not exit', holds: restarts === 1 && exits.length === 0 },
    { text: 'every job ran, none is lost', holds: jobs.done === jobs.enqueued && jobs.lost === 0 },
    { text: 'every request is answered', holds: requests.failed === 0 },
  ];
}

function chartOf({ name, samples, log, exits }: WorkloadResult<Recycled>, quota: number): string {
  const zeroMs = samples[0]?.atMs ?? 0;
  const panel = { title: `${name}: a leak of 4 MB/s`, samples, zeroMs, marks: timelineMarks(log, exits) };
  return areaChart({ panels: [panel], levels: quotaLevels(quota, { '100 %': 1, '150 %': 1.5, '200 %': 2 }) });
}
