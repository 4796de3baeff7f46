import type { LeftOut, LoadFigures } from '../figures.ts';
import { toKnownState, type Cast } from '../known-state.ts';
import { SLACK_MS, until, type Stage } from '../stage.ts';
import { underLoad } from '../under-load.ts';

/** So long in platform time, and so many requests at the least. */
const LOAD_MS = 30_000;
const LOAD_LEAST_MS = 2000;
const REQUESTS_LEAST = 50;

/** Requests while jobs run. */
export async function load(stage: Stage, cast: Cast): Promise<LoadFigures | LeftOut> {
  const { simulation, rules, clock } = stage;
  if (![...cast.keys()].some((name) => name.startsWith('web.'))) return { scene: 'load', leftOut: 'no web dyno' };
  await toKnownState(stage, cast);
  const loadMs = Math.max(LOAD_LEAST_MS, LOAD_MS / simulation.view().timeScale);
  const { requests, jobs, witness } = await underLoad(stage, stage.path, async (_, { answered }) => {
    const end = clock.now() + loadMs;
    const isOver = (): true | null => (clock.now() >= end && answered() >= REQUESTS_LEAST ? true : null);
    await until(stage, `${REQUESTS_LEAST} requests answered`, loadMs + rules.firstByteMs + SLACK_MS, isOver);
  });
  const { dynos } = simulation.view();
  return {
    scene: 'load',
    requests,
    jobs,
    hasSidekiq: [...cast.values()].flat().includes('sidekiq'),
    firstByteLimitMs: rules.firstByteMs,
    peaks: dynos.map(({ name, quotaBytes }) => ({ dyno: name, peakBytes: witness.peakOf(name), quotaBytes })),
  };
}
