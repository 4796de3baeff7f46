import type { LeftOut, StopFigures } from '../figures.ts';
import { toKnownState, untilAsAtRest, type Cast } from '../known-state.ts';
import { SLACK_MS, untilOver, type Stage } from '../stage.ts';
import { underLoad } from '../under-load.ts';
import type { Witness } from '../witness.ts';

/** Apps print the path of a request: long ones fill what is between a dyno and its reader. */
const LONG_PATH = `/${'rehearsal-'.repeat(300)}`;
/** So long nothing is answered any more when the children wait for the reader. */
const QUIET_MS = 1000;
const FILL_MS = 15_000;

/** The platform stops reading, the children print until they have to wait for it, then comes TERM. */
export async function stop(stage: Stage, cast: Cast): Promise<StopFigures | LeftOut> {
  const { simulation, rules } = stage;
  const dyno = [...cast.keys()].find((name) => name.startsWith('web.'));
  if (dyno === undefined) return { scene: 'stop', leftOut: 'no web dyno, so nobody can be made to print much' };
  await toKnownState(stage, cast);
  await simulation.act({ do: 'log-reader', pace: 'stalled' });
  try {
    const { played, witness, jobs } = await underLoad(stage, LONG_PATH, async (seen, { answered }) => {
      const wasFull = await fill(stage, answered);
      return { wasFull, tookMs: await restart(stage, seen, cast, dyno) };
    });
    const exit = witness.exitOf(dyno);
    const [status, orphans] = [exit?.status ?? null, exit?.left ?? null];
    const exitTimeouts = witness.count('R12', dyno);
    return { scene: 'stop', dyno, ...played, stopLimitMs: rules.stopMs, exitTimeouts, status, orphans, jobs };
  } finally {
    await simulation.act({ do: 'log-reader', pace: 'full' });
  }
}

/** Whether they came to wait. */
async function fill(stage: Stage, answered: () => number): Promise<boolean> {
  let last = { count: -1, atMs: stage.clock.now() };
  const isFull = await untilOver(stage, FILL_MS, () => {
    const [count, atMs] = [answered(), stage.clock.now()];
    if (count !== last.count) last = { count, atMs };
    return count > 0 && atMs - last.atMs >= QUIET_MS ? true : null;
  });
  return isFull === true;
}

/** TERM for the old life, a new one beside it; milliseconds to the end of the old one. */
async function restart(stage: Stage, witness: Witness, cast: Cast, dyno: string): Promise<number | null> {
  const { simulation, rules, clock } = stage;
  const since = clock.now();
  await simulation.act({ do: 'restart', dyno });
  await untilOver(stage, rules.stopMs + SLACK_MS, () => witness.exitOf(dyno));
  const tookMs = witness.exitOf(dyno) === null ? null : clock.now() - since;
  await simulation.act({ do: 'log-reader', pace: 'full' });
  await untilAsAtRest(stage, cast);
  return tookMs;
}
