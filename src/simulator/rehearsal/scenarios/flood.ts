import type { DynoView, ProcessView } from '../../simulation.ts';
import { type Baseline, currentRun, findDyno, isComplete, mainProcesses, restoreBaseline } from '../baseline.ts';
import { ScenarioFailed, SLACK_MS, type Context, poll } from '../context.ts';
import type { FloodCase, FloodFigures, SkippedFigures } from '../figures.ts';
import { recordUnderLoad, type Recorder } from '../recorder.ts';

const FLOOD_TARGETS = ['convert', 'sidekiq'] as const;
/** In shares of the quota. Beyond R15, which comes at 2, so that the convert must be killed. */
const CONVERT_SHARE = 2.5;
/** The whole dyno's share once sidekiq has leaked. R14 lasts, and there is time to finish its jobs. */
const LEAK_SHARE = 1.65;
/** Time for memory to grow and for a guard to act, in platform time. */
const GROW_MS = 60_000;

/** First a job's convert grows without bound, then sidekiq itself leaks. */
export async function flood(context: Context, baseline: Baseline): Promise<FloodFigures | SkippedFigures> {
  const scenario = 'flood';
  if (!context.simulation.view().app.standIns)
    return { scenario, skipped: 'only stand-ins can be flooded; use --stand-ins' };
  const dyno = [...baseline].find(([, labels]) => labels.includes('sidekiq'))?.[0];
  if (dyno === undefined) return { scenario, skipped: 'no dyno runs sidekiq' };
  const cases: FloodCase[] = [];
  for (const where of FLOOD_TARGETS) cases.push(await floodOnce(context, baseline, dyno, where));
  return { scenario, dyno, cases };
}

async function floodOnce(
  context: Context,
  baseline: Baseline,
  dyno: string,
  where: (typeof FLOOD_TARGETS)[number],
): Promise<FloodCase> {
  await restoreBaseline(context, baseline);
  const before = findDyno(context, dyno);
  const askedBytes = bytesFor(where, before);
  const { result, recorder, requests, jobs } = await recordUnderLoad(context, context.path, async (recorder) => {
    const answer = await context.simulation.act({ type: 'flood', where, bytes: askedBytes });
    if (!answer.ok) throw new ScenarioFailed(answer.text);
    return waitForRecovery(context, recorder, baseline, before);
  });
  const pidsAfter = serverProcesses(findDyno(context, dyno)).map(({ pid }) => pid);
  const labelsOf = (isAlive: boolean): string[] =>
    serverProcesses(before)
      .filter(({ pid }) => pidsAfter.includes(pid) === isAlive)
      .map(({ label }) => label);
  // Sidekiq will retry the convert job.
  await context.simulation.act({ type: 'restart', dyno });
  return {
    where,
    askedBytes,
    peakBytes: recorder.peakOf(dyno),
    quotaBytes: before.quotaBytes,
    warnings: recorder.count('R14', dyno),
    kills: recorder.count('R15', dyno),
    survived: labelsOf(true),
    ended: labelsOf(false),
    hasRecovered: result,
    jobs,
    requests,
  };
}

/** The convert grows to this size, sidekiq by this size. */
function bytesFor(where: (typeof FLOOD_TARGETS)[number], dyno: DynoView): number {
  const { quotaBytes } = dyno;
  const holds = currentRun(dyno)?.bytes ?? quotaBytes / 2;
  return Math.round(where === 'convert' ? quotaBytes * CONVERT_SHARE : quotaBytes * LEAK_SHARE - holds);
}

/** Waits until the flood has begun and ended. Resolves with whether the dyno has recovered. */
async function waitForRecovery(
  context: Context,
  recorder: Recorder,
  baseline: Baseline,
  before: DynoView,
): Promise<boolean> {
  const { simulation, rules } = context;
  const growMs = GROW_MS / simulation.view().timeScale + SLACK_MS;
  const { name, quotaBytes } = before;
  const sidekiqs = serverProcesses(before).filter(({ label }) => label === 'sidekiq');
  await poll(context, growMs, () => {
    const isChanged = sidekiqs.some(
      ({ pid }) => !serverProcesses(findDyno(context, name)).some((one) => one.pid === pid),
    );
    return recorder.peakOf(name) > quotaBytes || isChanged || recorder.exitOf(name) !== null || null;
  });
  const isWell = await poll(context, growMs + rules.bootMs, () => {
    const dyno = findDyno(context, name);
    const bytes = currentRun(dyno)?.bytes ?? 0;
    return dyno.runs.length === 1 && bytes < quotaBytes && isComplete(dyno, baseline) ? true : null;
  });
  return isWell === true;
}

function serverProcesses(dyno: DynoView): ProcessView[] {
  const run = currentRun(dyno);
  return run === undefined ? [] : mainProcesses(run);
}
