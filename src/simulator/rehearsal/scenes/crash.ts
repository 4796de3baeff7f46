import type { DynoView } from '../../view.ts';
import type { CrashCase, CrashFigures } from '../figures.ts';
import { current, dynoNamed, isComplete, principals, toKnownState, type Cast } from '../known-state.ts';
import { SceneStuck, SLACK_MS, until, untilOver, type Stage } from '../stage.ts';
import { underLoad } from '../under-load.ts';
import type { Witness } from '../witness.ts';

/** So long, in platform time, a job may take to come before somebody is killed without one. */
const JOB_WAIT_MS = 10_000;

/** Each server of each dyno and the first process itself is killed once. */
export async function crash(stage: Stage, cast: Cast): Promise<CrashFigures> {
  const cases: CrashCase[] = [];
  for (const [dyno, labels] of cast) {
    for (const at of labels.keys()) cases.push(await killOne(stage, cast, dyno, at));
  }
  return { scene: 'crash', recoveryLimitMs: recoveryLimit(stage), cases };
}

/** What still drains has its time, and what comes then its own. */
function recoveryLimit({ rules }: Stage): number {
  return rules.stopMs + rules.bootMs;
}

async function killOne(stage: Stage, cast: Cast, dyno: string, at: number): Promise<CrashCase> {
  await toKnownState(stage, cast);
  const child = nameOf(cast.get(dyno) ?? [], at);
  const { played, witness, requests, jobs } = await underLoad(stage, stage.path, (seen) => {
    return killAndWait(stage, seen, cast, dyno, at);
  });
  const exit = witness.exitOf(dyno);
  const isFirst = played.depth === 0;
  const { recoveredMs } = played;
  return {
    dyno,
    child,
    isFirst,
    status: exit?.status ?? null,
    recoveredMs,
    orphans: exit?.left ?? null,
    jobs,
    requests,
  };
}

/** With a job in hand, where one comes in time. */
async function killAndWait(
  stage: Stage,
  witness: Witness,
  cast: Cast,
  name: string,
  at: number,
): Promise<{ depth: number; recoveredMs: number | null }> {
  const { simulation, rules, clock } = stage;
  await untilOver(stage, JOB_WAIT_MS / simulation.view().timeScale, () => stage.jobs().inHand > 0 || null);
  const run = current(dynoNamed(stage, name));
  const victim = run === undefined ? undefined : principals(run)[at];
  if (run === undefined || victim === undefined) throw new SceneStuck(`${name}: nobody there to kill`);
  const since = clock.now();
  const answer = await simulation.act({ do: 'kill', pid: victim.pid, signal: 'SIGKILL' });
  if (!answer.ok) throw new SceneStuck(answer.text);
  const isOther = (dyno: DynoView): boolean =>
    !dyno.runs.some(({ processes }) => processes.some(({ pid }) => pid === victim.pid));
  await untilOver(
    stage,
    rules.stopMs + SLACK_MS,
    () => witness.exitOf(name) ?? (isOther(dynoNamed(stage, name)) || null),
  );
  const back = await untilOver(stage, recoveryLimit(stage) + SLACK_MS, () => {
    const dyno = dynoNamed(stage, name);
    return isOther(dyno) && isComplete(dyno, cast) ? clock.now() - since : null;
  });
  await until(
    stage,
    `${name}: its old life to end`,
    rules.stopMs + SLACK_MS,
    () => dynoNamed(stage, name).runs.length < 2 || null,
  );
  return { depth: victim.depth, recoveredMs: back };
}

/** `sidekiq`, or `sidekiq 2` where there are several. */
function nameOf(labels: readonly string[], at: number): string {
  const label = labels[at] ?? '';
  const before = labels.slice(0, at).filter((one) => one === label).length;
  return before === 0 ? label : `${label} ${before + 1}`;
}
