import type { DynoView } from '../../simulation.ts';
import { type Baseline, currentRun, findDyno, isComplete, mainProcesses, restoreBaseline } from '../baseline.ts';
import { ScenarioFailed, SLACK_MS, type Context, waitFor, poll } from '../context.ts';
import type { CrashCase, CrashFigures } from '../figures.ts';
import { recordUnderLoad, type Recorder } from '../recorder.ts';

/** How long to wait for a busy job before killing without one, in platform time. */
const JOB_WAIT_MS = 10_000;

/** Kills each server and the first process of each dyno once. */
export async function crash(context: Context, baseline: Baseline): Promise<CrashFigures> {
  const cases: CrashCase[] = [];
  for (const [dyno, labels] of baseline) {
    for (const index of labels.keys()) cases.push(await killOne(context, baseline, dyno, index));
  }
  return { scenario: 'crash', recoveryLimitMs: recoveryLimit(context), cases };
}

/** Time for draining plus time for booting. */
function recoveryLimit({ rules }: Context): number {
  return rules.stopMs + rules.bootMs;
}

async function killOne(context: Context, baseline: Baseline, dyno: string, index: number): Promise<CrashCase> {
  await restoreBaseline(context, baseline);
  const child = childName(baseline.get(dyno) ?? [], index);
  const { result, recorder, requests, jobs } = await recordUnderLoad(context, context.path, (recorder) => {
    return killAndWait(context, recorder, baseline, dyno, index);
  });
  const { status = null, orphans = null } = recorder.exitOf(dyno) ?? {};
  const { depth, recoveredMs } = result;
  return { dyno, child, isFirst: depth === 0, status, recoveredMs, orphans, jobs, requests };
}

/** Waits for a busy job first. */
async function killAndWait(
  context: Context,
  recorder: Recorder,
  baseline: Baseline,
  name: string,
  index: number,
): Promise<{ depth: number; recoveredMs: number | null }> {
  const { simulation, rules, clock } = context;
  await poll(context, JOB_WAIT_MS / simulation.view().timeScale, () => context.jobs().busy > 0 || null);
  const run = currentRun(findDyno(context, name));
  const target = run === undefined ? undefined : mainProcesses(run)[index];
  if (run === undefined || target === undefined) throw new ScenarioFailed(`${name}: no process to kill`);
  const since = clock.now();
  const answer = await simulation.act({ type: 'kill', pid: target.pid, signal: 'SIGKILL' });
  if (!answer.ok) throw new ScenarioFailed(answer.text);
  const isOther = (dyno: DynoView): boolean =>
    !dyno.runs.some(({ processes }) => processes.some(({ pid }) => pid === target.pid));
  await poll(
    context,
    rules.stopMs + SLACK_MS,
    () => recorder.exitOf(name) ?? (isOther(findDyno(context, name)) || null),
  );
  const recoveredMs = await poll(context, recoveryLimit(context) + SLACK_MS, () => {
    const dyno = findDyno(context, name);
    return isOther(dyno) && isComplete(dyno, baseline) ? clock.now() - since : null;
  });
  await waitFor(
    context,
    `${name}: its old life to end`,
    rules.stopMs + SLACK_MS,
    () => findDyno(context, name).runs.length < 2 || null,
  );
  return { depth: target.depth, recoveredMs };
}

/** `sidekiq`, or `sidekiq 2` if there are several. */
function childName(labels: readonly string[], index: number): string {
  const label = labels[index] ?? '';
  const before = labels.slice(0, index).filter((one) => one === label).length;
  return before === 0 ? label : `${label} ${before + 1}`;
}
