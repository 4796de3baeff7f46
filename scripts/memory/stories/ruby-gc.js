// What ratios of free slots in Ruby's heap are worth: memory of the dyno, CPU time, latency of pages. The choice in
// src/plan/ruby-gc.ts rests on this table. The variants take turns, so that other load on the machine meets them alike.
import { atWork } from '../at-work.js';
import { isAllDone, lastThirdOf, workInBursts } from '../bursts.js';
import { supervised } from '../dyno.js';
import { mb, median, quantile, secondsOf, times } from '../figures.js';
import { cpuMsOf, kindOf } from '../processes.js';

const ROUNDS = 3;
/** Page requests of each burst, as many as there are at 20 a second. */
const PAGES = 25;
const SAMPLES_MS = 250;
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
/** MIN, GOAL and MAX; null: Ruby's own, which are 0.20, 0.40 and 0.65. */
const RATIOS = [null, ['0.10', '0.20', '0.40'], ['0.08', '0.15', '0.30'], ['0.05', '0.10', '0.20']];

export async function rubyGc(say) {
  const variants = RATIOS.map((ratios) => ({ name: nameOf(ratios), env: { ...QUOTA, ...envOf(ratios) }, runs: [] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, env, runs } of rotated(variants, round)) {
      runs.push(figuresOf(await atWork({ what: supervised, env, perSecond: 0, samplesMs: SAMPLES_MS }, measuredWork)));
      say(`round ${round + 1}, ${name}: ${cellsOf(runs.at(-1)).join(', ')}`);
    }
  }
  const results = variants.map(({ name, runs }) => ({ name, ...mediansOf(runs) }));
  return {
    title: `Ratios of free slots in Ruby's heap (MIN / GOAL / MAX), medians of ${ROUNDS} rounds`,
    rows: [HEADS, ...results.map((result) => [result.name, times(result.pss, results[0].pss), ...cellsOf(result)])],
    data: variants.map(({ name, runs }) => ({ name, runs })),
    claims: [
      {
        text: 'the same jobs are done, every request is answered',
        holds: variants.every(({ runs }) => runs.every(({ isWhole }) => isWhole)),
      },
    ],
  };
}

const HEADS = [
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

function cellsOf({ pss, puma, sidekiq, bootCpuMs, pageCpuMs, jobCpuMs, p50Ms, p95Ms }) {
  const cpu = [secondsOf(bootCpuMs), `${pageCpuMs.toFixed(1)} ms`, milliseconds(jobCpuMs)];
  return [...[pss, puma, sidekiq].map(mb), ...cpu, ...[p50Ms, p95Ms].map(milliseconds)];
}

function nameOf(ratios) {
  return ratios === null ? "Ruby's own, 0.20 / 0.40 / 0.65" : ratios.join(' / ');
}

function envOf(ratios) {
  if (ratios === null) return { SUPERVISE_RUBY_GC: 'default' };
  const [min, goal, max] = ratios;
  return {
    RUBY_GC_HEAP_FREE_SLOTS_MIN_RATIO: min,
    RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO: goal,
    RUBY_GC_HEAP_FREE_SLOTS_MAX_RATIO: max,
  };
}

/** Each round starts with another variant. */
function rotated(variants, round) {
  const first = round % variants.length;
  return [...variants.slice(first), ...variants.slice(0, first)];
}

async function measuredWork({ ledger, load, platform }) {
  const boot = rubyCpuMs(platform);
  const span = await workInBursts({ ledger, load }, { pages: PAGES });
  const end = rubyCpuMs(platform);
  return {
    ...span,
    bootCpuMs: boot.puma + boot.sidekiq,
    pageCpuMs: (end.puma - boot.puma) / load.answered,
    jobCpuMs: (end.sidekiq - boot.sidekiq) / ledger.enqueued,
  };
}

/** CPU time of puma and of sidekiq so far. */
function rubyCpuMs({ dyno }) {
  const sum = { puma: 0, sidekiq: 0 };
  for (const pid of dyno.look()) {
    const kind = kindOf(pid);
    if (kind in sum) sum[kind] += cpuMsOf(pid);
  }
  return sum;
}

function figuresOf(run) {
  const { bootCpuMs, pageCpuMs, jobCpuMs } = run.seen;
  const { answersMs } = run.load;
  const latency = { p50Ms: quantile(answersMs, 0.5), p95Ms: quantile(answersMs, 0.95) };
  return { ...lastThirdOf(run), bootCpuMs, pageCpuMs, jobCpuMs, ...latency, isWhole: isAllDone(run) };
}

function mediansOf(runs) {
  const names = Object.keys(runs[0]).filter((name) => name !== 'isWhole');
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]))]));
}

function milliseconds(ms) {
  return `${Math.round(ms)} ms`;
}
