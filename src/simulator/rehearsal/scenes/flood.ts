import type { DynoView, ProcessView } from '../../view.ts';
import type { FloodCase, FloodFigures, LeftOut } from '../figures.ts';
import { current, dynoNamed, isComplete, principals, toKnownState, type Cast } from '../known-state.ts';
import { SceneStuck, SLACK_MS, untilOver, type Stage } from '../stage.ts';
import { underLoad } from '../under-load.ts';
import type { Witness } from '../witness.ts';

const WHERE = ['convert', 'sidekiq'] as const;
/** Beyond R15, which comes at 2: it has to be ended. In parts of the quota. */
const CONVERT_GROWS_TO = 2.5;
/** Of the whole dyno, once sidekiq has leaked: R14 stays, and there is time to end its jobs. */
const LEAK_GROWS_TO = 1.65;
/** So long, in platform time, memory may take to grow, and whoever watches it to do something. */
const GROW_MS = 60_000;

/** A convert of a job grows without end, then sidekiq itself leaks. */
export async function flood(stage: Stage, cast: Cast): Promise<FloodFigures | LeftOut> {
  const scene = 'flood';
  if (!stage.simulation.view().app.standIns)
    return { scene, leftOut: 'only the stand-ins can be told to take memory: --stand-ins' };
  const dyno = [...cast].find(([, labels]) => labels.includes('sidekiq'))?.[0];
  if (dyno === undefined) return { scene, leftOut: 'no dyno runs sidekiq' };
  const cases: FloodCase[] = [];
  for (const where of WHERE) cases.push(await floodOnce(stage, cast, dyno, where));
  return { scene, dyno, cases };
}

async function floodOnce(stage: Stage, cast: Cast, dyno: string, where: (typeof WHERE)[number]): Promise<FloodCase> {
  await toKnownState(stage, cast);
  const before = dynoNamed(stage, dyno);
  const askedBytes = bytesFor(where, before);
  const { played, witness, requests, jobs } = await underLoad(stage, stage.path, async (seen) => {
    const answer = await stage.simulation.act({ do: 'flood', where, bytes: askedBytes });
    if (!answer.ok) throw new SceneStuck(answer.text);
    return untilOverWith(stage, seen, cast, before);
  });
  const [there, now] = [team(before), team(dynoNamed(stage, dyno)).map(({ pid }) => pid)];
  const lived = (isAlive: boolean): string[] =>
    there.filter(({ pid }) => now.includes(pid) === isAlive).map(({ label }) => label);
  // The job of the convert is tried again by and by.
  await stage.simulation.act({ do: 'restart', dyno });
  return {
    where,
    askedBytes,
    peakBytes: witness.peakOf(dyno),
    quotaBytes: before.quotaBytes,
    warnings: witness.count('R14', dyno),
    kills: witness.count('R15', dyno),
    survived: lived(true),
    ended: lived(false),
    isWellAgain: played,
    jobs,
    requests,
  };
}

/** A convert grows to so much, sidekiq by so much. */
function bytesFor(where: (typeof WHERE)[number], dyno: DynoView): number {
  const { quotaBytes } = dyno;
  const holds = current(dyno)?.bytes ?? quotaBytes / 2;
  return Math.round(where === 'convert' ? quotaBytes * CONVERT_GROWS_TO : quotaBytes * LEAK_GROWS_TO - holds);
}

/** Waits until it has begun and is over again; whether the dyno is well then. */
async function untilOverWith(stage: Stage, witness: Witness, cast: Cast, before: DynoView): Promise<boolean> {
  const { simulation, rules } = stage;
  const growMs = GROW_MS / simulation.view().timeScale + SLACK_MS;
  const { name, quotaBytes } = before;
  const sidekiqs = team(before).filter(({ label }) => label === 'sidekiq');
  await untilOver(stage, growMs, () => {
    const isChanged = sidekiqs.some(({ pid }) => !team(dynoNamed(stage, name)).some((one) => one.pid === pid));
    return witness.peakOf(name) > quotaBytes || isChanged || witness.exitOf(name) !== null || null;
  });
  const isWell = await untilOver(stage, growMs + rules.bootMs, () => {
    const dyno = dynoNamed(stage, name);
    const bytes = current(dyno)?.bytes ?? 0;
    return dyno.runs.length === 1 && bytes < quotaBytes && isComplete(dyno, cast) ? true : null;
  });
  return isWell === true;
}

function team(dyno: DynoView): ProcessView[] {
  const run = current(dyno);
  return run === undefined ? [] : principals(run);
}
