import { type Baseline, restoreBaseline } from '../baseline.ts';
import { SLACK_MS, type Context, waitFor } from '../context.ts';
import type { SkippedFigures, LoadFigures } from '../figures.ts';
import { recordUnderLoad } from '../recorder.ts';

/** The minimum duration in platform time, and the minimum number of requests. */
const LOAD_MS = 30_000;
const MIN_LOAD_MS = 2000;
const MIN_REQUESTS = 50;

/** Requests while jobs run. */
export async function load(context: Context, baseline: Baseline): Promise<LoadFigures | SkippedFigures> {
  const { simulation, rules, clock } = context;
  if (![...baseline.keys()].some((name) => name.startsWith('web.')))
    return { scenario: 'load', skipped: 'no web dyno' };
  await restoreBaseline(context, baseline);
  const loadMs = Math.max(MIN_LOAD_MS, LOAD_MS / simulation.view().timeScale);
  const { requests, jobs, recorder } = await recordUnderLoad(context, context.path, async (_, { answered }) => {
    const end = clock.now() + loadMs;
    const isOver = (): true | null => (clock.now() >= end && answered() >= MIN_REQUESTS ? true : null);
    await waitFor(context, `${MIN_REQUESTS} requests answered`, loadMs + rules.firstByteMs + SLACK_MS, isOver);
  });
  const { dynos } = simulation.view();
  return {
    scenario: 'load',
    requests,
    jobs,
    hasSidekiq: [...baseline.values()].flat().includes('sidekiq'),
    firstByteLimitMs: rules.firstByteMs,
    peaks: dynos.map(({ name, quotaBytes }) => ({ dyno: name, peakBytes: recorder.peakOf(name), quotaBytes })),
  };
}
