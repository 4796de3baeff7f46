// A job runs the real `convert` on a picture that needs three times the quota. Under the shell line the platform kills the
// dyno; under the supervisor only `convert` is killed.
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../../cleanup.ts';
import { SHELL, SUPERVISOR } from '../../dyno/dyno.ts';
import type { DynoCommand } from '../../dyno/dyno.ts';
import { areaChart } from '../../report/chart.ts';
import { megabytes, MIB, seconds } from '../../report/format.ts';
import type { Row } from '../../report/markdown.ts';
import { findConvert, makePicture, unlimitedEnv } from '../picture.ts';
import type { Claim, Say, ScenarioResult } from '../scenario.ts';
import { quotaLevels, timelineMarks } from '../timeline.ts';
import { runUnderLoad } from '../workload.ts';
import type { WorkloadResult } from '../workload.ts';

/** When the job with `convert` was enqueued. */
type Converted = { convertMs: number };
type Run = WorkloadResult<Converted>;

const QUOTA = 512 * MIB;
const LIMITS = { quota: QUOTA, killsAt: 2 * QUOTA };
const GUARD = { SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_KILLS_AT: '200' };
/** For both runs, so that they differ in the guard only. */
const SAME = { WEB_CONCURRENCY: '0', MALLOC_ARENA_MAX: '2', SIDEKIQ_THREADS: '5' };
const BEFORE_MS = 6000;
const AFTER_MS = 20_000;
const DRAWN_MS = { before: 3000, after: 8000 };

export async function saved(say: Say): Promise<ScenarioResult> {
  const picture = makePicture(temporaryFolder(), 12_000, 10_000);
  const withShell = await run(SHELL, picture, {}, say);
  const withSupervisor = await run(SUPERVISOR, picture, GUARD, say);
  const runs = [withShell, withSupervisor];
  return {
    title: `A job's convert that takes three times the quota of ${megabytes(QUOTA)}`,
    rows: [['', ...runs.map(({ name }) => name)], ...rowsOf(runs)],
    claims: claimsOf(withSupervisor),
    log: withSupervisor.log,
    images: { 'memory-saved.svg': chartOf(runs) },
  };
}

async function run(dyno: DynoCommand, picture: string, guard: NodeJS.ProcessEnv, say: Say): Promise<Run> {
  const env = { ...SAME, ...unlimitedEnv(dirname(picture)), CONVERT: findConvert(), ...guard };
  const steady = { everyMs: 500, count: 2, worker: 'RecordedWorker', argument: 1 };
  const result = await runUnderLoad({ dyno, env, jobs: steady, ...LIMITS }, async ({ jobs }) => {
    say(`${dyno.name}: under load`);
    await pause(BEFORE_MS);
    const convertMs = performance.now();
    await jobs.enqueue({ count: 1, worker: 'ConvertWorker', argument: picture });
    await pause(AFTER_MS);
    return { convertMs };
  });
  say(`${dyno.name}: ${result.exits.map(({ reason }) => reason).join(', ') || 'did not exit'}`);
  return result;
}

function rowsOf(runs: readonly Run[]): Row[] {
  const row = (name: string, cell: (run: Run) => string | number): Row => [name, ...runs.map(cell)];
  return [
    row('memory at most (PSS, everything)', ({ peak }) => megabytes(peak)),
    row('over the quota (R14)', ({ overQuotaMs }) => seconds(overQuotaMs)),
    row('dynos killed (R15)', ({ exits }) => exits.filter(({ reason }) => reason === 'R15').length),
    row('dynos ended otherwise', ({ exits }) => exits.filter(({ reason }) => reason !== 'R15').length),
    row('requests sent', ({ requests }) => requests.sent),
    row('requests failed', ({ requests }) => requests.failed),
    row('no answers for', ({ requests }) => seconds(requests.outageMs)),
    row('slowest answer', ({ requests }) => seconds(requests.slowestMs)),
    row('jobs handed in', ({ jobs }) => jobs.enqueued),
    row('jobs done', ({ jobs }) => jobs.done),
    row('jobs to be retried', ({ jobs }) => jobs.retried),
    row('jobs lost', ({ jobs }) => jobs.lost),
  ];
}

function claimsOf({ exits, requests, jobs }: Run): Claim[] {
  return [
    { text: 'the dyno does not exit', holds: exits.length === 0 },
    { text: 'every request is answered', holds: requests.failed === 0 },
    { text: 'no job is lost, and the one with convert is retried', holds: jobs.lost === 0 && jobs.retried === 1 },
  ];
}

function chartOf(runs: readonly Run[]): string {
  const panels = runs.map(({ name, samples, acted: { convertMs }, exits, log }) => {
    const toMs = convertMs + DRAWN_MS.after;
    const marks = [{ atMs: convertMs, text: 'the job starts' }, ...timelineMarks(log, exits)];
    return {
      title: name,
      zeroMs: convertMs,
      samples: samples.filter(({ atMs }) => atMs > convertMs - DRAWN_MS.before && atMs < toMs),
      marks: marks.filter(({ atMs }) => atMs < toMs),
    };
  });
  return areaChart({ panels, levels: quotaLevels(QUOTA, { R14: 1, R15: 2 }) });
}
