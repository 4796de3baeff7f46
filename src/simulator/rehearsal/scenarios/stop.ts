import { type Baseline, restoreBaseline, waitForBaseline } from '../baseline.ts';
import { SLACK_MS, type Context, poll } from '../context.ts';
import type { SkippedFigures, StopFigures } from '../figures.ts';
import { recordUnderLoad, type Recorder } from '../recorder.ts';

/** puma logs the path of each request: long paths fill the pipe of the stalled reader. */
const LONG_PATH = `/${'rehearsal-'.repeat(300)}`;
/** No answer for this long means that the children are blocked. */
const QUIET_MS = 1000;
const FILL_MS = 15_000;

/** The log reader stalls, the children print until they block, then TERM comes. */
export async function stop(context: Context, baseline: Baseline): Promise<StopFigures | SkippedFigures> {
  const { simulation, rules } = context;
  const dyno = [...baseline.keys()].find((name) => name.startsWith('web.'));
  if (dyno === undefined) return { scenario: 'stop', skipped: 'no web dyno whose output could fill the pipe' };
  await restoreBaseline(context, baseline);
  await simulation.act({ type: 'log-reader', pace: 'stalled' });
  try {
    const { result, recorder, jobs } = await recordUnderLoad(context, LONG_PATH, async (recorder, { answered }) => {
      const wasBlocked = await fillPipe(context, answered);
      return { wasBlocked, tookMs: await restart(context, recorder, baseline, dyno) };
    });
    const { status = null, orphans = null } = recorder.exitOf(dyno) ?? {};
    const exitTimeouts = recorder.count('R12', dyno);
    return { scenario: 'stop', dyno, ...result, stopLimitMs: rules.stopMs, exitTimeouts, status, orphans, jobs };
  } finally {
    await simulation.act({ type: 'log-reader', pace: 'full' });
  }
}

/** Whether the children blocked. */
async function fillPipe(context: Context, answered: () => number): Promise<boolean> {
  let last = { count: -1, atMs: context.clock.now() };
  const isFull = await poll(context, FILL_MS, () => {
    const [count, atMs] = [answered(), context.clock.now()];
    if (count !== last.count) last = { count, atMs };
    return count > 0 && atMs - last.atMs >= QUIET_MS ? true : null;
  });
  return isFull === true;
}

/** Restarts the dyno. Resolves with the milliseconds until the old instance has ended. */
async function restart(context: Context, recorder: Recorder, baseline: Baseline, dyno: string): Promise<number | null> {
  const { simulation, rules, clock } = context;
  const since = clock.now();
  await simulation.act({ type: 'restart', dyno });
  await poll(context, rules.stopMs + SLACK_MS, () => recorder.exitOf(dyno));
  const tookMs = recorder.exitOf(dyno) === null ? null : clock.now() - since;
  await simulation.act({ type: 'log-reader', pace: 'full' });
  await waitForBaseline(context, baseline);
  return tookMs;
}
