// The memory of the whole dyno, puma and sidekiq at work: under the shell line, under the supervisor, and without each of its
// savings.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../cleanup.ts';
import { SHELL, SUPERVISOR } from '../../dyno/dyno.ts';
import type { DynoCommand } from '../../dyno/dyno.ts';
import { megabytes, ratio } from '../../report/format.ts';
import type { Row } from '../../report/markdown.ts';
import type { Claim, Say, ScenarioResult } from '../scenario.ts';
import { isComplete, lastThird, runUnderLoad, workInBursts } from '../workload.ts';

export type WholeDynoFigures = {
  pssBytes: number;
  pumaBytes: number;
  sidekiqBytes: number;
  ownBytes: number;
  jobsDone: number;
  requestsAnswered: number;
};
export type WholeDynoResult = ScenarioResult & { data: Record<string, WholeDynoFigures> };
type Variant = { name: string; dyno: DynoCommand; env: NodeJS.ProcessEnv };
type VariantResult = { name: string; figures: WholeDynoFigures; isComplete: boolean };

const SAMPLE_EVERY_MS = 250;
/** Share of the shell line's memory. */
const GOAL = 0.6;
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
const HEADINGS = [
  '',
  'whole dyno',
  'of the shell line',
  'puma',
  'sidekiq',
  'shell or supervisor',
  'jobs done',
  'requests',
];

export async function whole(say: Say): Promise<WholeDynoResult> {
  const results: VariantResult[] = [];
  for (const variant of variants()) {
    const result = await measure(variant);
    results.push(result);
    say(`${result.name}: ${megabytes(result.figures.pssBytes)}`);
  }
  const shellBytes = results[0]?.figures.pssBytes ?? NaN;
  return {
    title: 'The whole dyno at work, PSS of everything, median of the last third',
    rows: [HEADINGS, ...results.map((result) => rowOf(result, shellBytes))],
    data: Object.fromEntries(results.map(({ name, figures }) => [name, figures])),
    claims: claimsOf(results),
  };
}

function variants(): Variant[] {
  // A copy of node: pages of one that also runs elsewhere, such as this process, would count in part only.
  const node = join(temporaryFolder(), 'node');
  copyFileSync(process.execPath, node);
  const dyno = { ...SUPERVISOR, command: [node, ...SUPERVISOR.command.slice(1)] };
  return [
    { name: 'the shell line', dyno: SHELL, env: {} },
    { name: 'mstdn-supervise', dyno, env: QUOTA },
    { name: 'with JEMALLOC_ENABLED=true', dyno, env: { ...QUOTA, JEMALLOC_ENABLED: 'true' } },
    { name: 'with SUPERVISE_RUBY_GC=default', dyno, env: { ...QUOTA, SUPERVISE_RUBY_GC: 'default' } },
    { name: 'without MALLOC_ARENA_MAX=2', dyno, env: { ...QUOTA, MALLOC_ARENA_MAX: '0' } },
    { name: 'without WEB_CONCURRENCY=0', dyno, env: { ...QUOTA, WEB_CONCURRENCY: '2' } },
  ];
}

async function measure({ name, dyno, env }: Variant): Promise<VariantResult> {
  const result = await runUnderLoad({ dyno, env, sampleEveryMs: SAMPLE_EVERY_MS }, workInBursts);
  const { pss, puma, sidekiq, own } = lastThird(result);
  const figures = {
    pssBytes: pss,
    pumaBytes: puma,
    sidekiqBytes: sidekiq,
    ownBytes: own,
    jobsDone: result.jobs.done,
    requestsAnswered: result.requests.answered,
  };
  return { name, figures, isComplete: isComplete(result) };
}

function rowOf({ name, figures }: VariantResult, shellBytes: number): Row {
  const { pssBytes, pumaBytes, sidekiqBytes, ownBytes, jobsDone, requestsAnswered } = figures;
  const parts = [pumaBytes, sidekiqBytes, ownBytes].map((bytes) => megabytes(bytes));
  return [name, megabytes(pssBytes), ratio(pssBytes / shellBytes), ...parts, jobsDone, requestsAnswered];
}

function claimsOf(results: readonly VariantResult[]): Claim[] {
  const [shell = NaN, supervisor = NaN, withJemalloc = NaN] = results.map(({ figures }) => figures.pssBytes);
  return [
    {
      text: `at most ${GOAL}x of the shell line: ${ratio(supervisor / shell)}`,
      holds: supervisor <= GOAL * shell,
    },
    {
      text: `with JEMALLOC_ENABLED=true at most ${GOAL}x of it: ${ratio(withJemalloc / shell)}`,
      holds: withJemalloc <= GOAL * shell,
    },
    {
      text: 'the same jobs are done, every request is answered',
      holds: results.every((result) => result.isComplete),
    },
  ];
}
