// The effect of Ruby's ratios of free heap slots on memory, CPU time and latency. The choice in src/plan/ruby-gc.ts rests on this
// table. The variants take turns, so that other load on the machine affects them alike.
import { SUPERVISOR } from '../../dyno/dyno.ts';
import { tickCpuMs } from '../../dyno/process-usage.ts';
import { processKind } from '../../dyno/processes.ts';
import { megabytes, milliseconds, ratio, seconds } from '../../report/format.ts';
import { median, quantile } from '../../report/statistics.ts';
import type { Platform } from '../platform.ts';
import type { Say, ScenarioResult } from '../scenario.ts';
import { isComplete, lastThird, runUnderLoad, workInBursts } from '../workload.ts';
import type { BurstTimes, Workload } from '../workload.ts';

/** MIN, GOAL and MAX. */
type Ratios = readonly [string, string, string];
type CpuFigures = { bootCpuMs: number; pageCpuMs: number; jobCpuMs: number };
type Figures = CpuFigures & { pss: number; puma: number; sidekiq: number; own: number; p50Ms: number; p95Ms: number };
type Variant = { name: string; env: NodeJS.ProcessEnv; runs: (Figures & { isComplete: boolean })[] };

const ROUNDS = 3;
/** Page requests of each burst: as many as at 20 a second. */
const PAGES = 25;
const SAMPLE_EVERY_MS = 250;
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
/** null: Ruby's own, which are 0.20, 0.40 and 0.65. */
const RATIOS: readonly (Ratios | null)[] = [
  null,
  ['0.10', '0.20', '0.40'],
  ['0.08', '0.15', '0.30'],
  ['0.05', '0.10', '0.20'],
];
const HEADINGS = [
  '',
  "of Ruby's own",
  'whole dyno',
  'puma',
  'sidekiq',
  'CPU to boot',
  'CPU per page',
  'CPU per job',
  'page p50',
  'page p95',
];

export async function rubyGc(say: Say): Promise<ScenarioResult> {
  const variants: Variant[] = RATIOS.map((ratios) => ({ name: nameOf(ratios), env: envOf(ratios), runs: [] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const variant of rotated(variants, round)) {
      const run = await measure(variant.env);
      variant.runs.push(run);
      say(`round ${round + 1}, ${variant.name}: ${cellsOf(run).join(', ')}`);
    }
  }
  const results = variants.map(({ name, runs }) => ({ name, figures: mediansOf(runs) }));
  const own = results[0]?.figures.pss ?? NaN;
  return {
    title: `Ratios of free slots in Ruby's heap (MIN / GOAL / MAX), medians of ${ROUNDS} rounds`,
    rows: [HEADINGS, ...results.map(({ name, figures }) => [name, ratio(figures.pss / own), ...cellsOf(figures)])],
    data: variants.map(({ name, runs }) => ({ name, runs })),
    claims: [
      {
        text: 'the same jobs are done, every request is answered',
        holds: variants.every(({ runs }) => runs.every((run) => run.isComplete)),
      },
    ],
  };
}

function nameOf(ratios: Ratios | null): string {
  return ratios === null ? "Ruby's own, 0.20 / 0.40 / 0.65" : ratios.join(' / ');
}

function envOf(ratios: Ratios | null): NodeJS.ProcessEnv {
  if (ratios === null) return { ...QUOTA, SUPERVISE_RUBY_GC: 'default' };
  const [min, goal, max] = ratios;
  return {
    ...QUOTA,
    RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: min,
    RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: goal,
    RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: max,
  };
}

/** Each round starts with another variant. */
function rotated(variants: readonly Variant[], round: number): Variant[] {
  const first = round % variants.length;
  return [...variants.slice(first), ...variants.slice(0, first)];
}

async function measure(env: NodeJS.ProcessEnv): Promise<Figures & { isComplete: boolean }> {
  const options = { dyno: SUPERVISOR, env, requestsPerSecond: 0, sampleEveryMs: SAMPLE_EVERY_MS };
  const run = await runUnderLoad(options, workWithCpuTimes);
  const { bootCpuMs, pageCpuMs, jobCpuMs } = run.acted;
  const { latenciesMs } = run.requests;
  const latency = { p50Ms: quantile(latenciesMs, 0.5), p95Ms: quantile(latenciesMs, 0.95) };
  return { ...lastThird(run), bootCpuMs, pageCpuMs, jobCpuMs, ...latency, isComplete: isComplete(run) };
}

async function workWithCpuTimes(workload: Workload): Promise<BurstTimes & CpuFigures> {
  const { jobs, load, platform } = workload;
  const boot = rubyCpuMs(platform);
  const times = await workInBursts(workload, { pages: PAGES });
  const end = rubyCpuMs(platform);
  return {
    ...times,
    bootCpuMs: boot.puma + boot.sidekiq,
    pageCpuMs: (end.puma - boot.puma) / load.answered,
    jobCpuMs: (end.sidekiq - boot.sidekiq) / jobs.enqueued,
  };
}

/** CPU time of puma and of sidekiq so far. */
function rubyCpuMs({ dyno }: Platform): { puma: number; sidekiq: number } {
  const totals = { puma: 0, sidekiq: 0 };
  for (const pid of dyno.processes.find()) {
    const kind = processKind(pid);
    if (kind === 'puma' || kind === 'sidekiq') totals[kind] += tickCpuMs(pid, { withReaped: true });
  }
  return totals;
}

function mediansOf(runs: readonly Figures[]): Figures {
  const middle = (name: keyof Figures) => median(runs.map((run) => run[name]));
  return {
    pss: middle('pss'),
    puma: middle('puma'),
    sidekiq: middle('sidekiq'),
    own: middle('own'),
    bootCpuMs: middle('bootCpuMs'),
    pageCpuMs: middle('pageCpuMs'),
    jobCpuMs: middle('jobCpuMs'),
    p50Ms: middle('p50Ms'),
    p95Ms: middle('p95Ms'),
  };
}

function cellsOf({ pss, puma, sidekiq, bootCpuMs, pageCpuMs, jobCpuMs, p50Ms, p95Ms }: Figures): string[] {
  return [
    ...[pss, puma, sidekiq].map((bytes) => megabytes(bytes)),
    seconds(bootCpuMs),
    milliseconds(pageCpuMs, 1),
    ...[jobCpuMs, p50Ms, p95Ms].map((ms) => milliseconds(ms)),
  ];
}
