import { expectedBytes } from './footprints.ts';
import type { Place } from './place.ts';
import { pumaWorkers } from './puma-workers.ts';
import type { Settings } from './settings.ts';
import type { ChildMemory } from './spec.ts';

/** The kernel's choice when memory is out: anything transient first, then sidekiq, whose jobs come back, puma last. */
const OOM_SCORE_ADJ = { puma: 100, streaming: 200, sidekiq: 300 } as const;
/** Sidekiq 6.4 to 8 writes `sidekiq 6.4.1 app [0 of 5 busy] stopping` over its command line at each heartbeat, every 5 s
 * (from 7 on every 10 s): lib/sidekiq/launcher.rb, PROCTITLES. What does not fit in the space of the command line is cut
 * off, so the first letter of `stopping` has to do. */
const SIDEKIQ_IDLE = String.raw`^sidekiq \S+ .*\[0 of \d+ busy\] s`;
/** How far apart the recycles of several sidekiq processes fall, as a part of the spread; no small fraction repeats it. */
const GOLDEN = 0.618;

export function pumaMemory(settings: Settings, { quota }: Place): ChildMemory {
  const workers = pumaWorkers(settings, quota);
  const expected = expectedBytes('puma', 0, workers);
  return { expectedBytes: expected, oomScoreAdj: OOM_SCORE_ADJ.puma, workers, recycle: null };
}

export function streamingMemory(): ChildMemory {
  const expected = expectedBytes('streaming', 0, 0);
  return { expectedBytes: expected, oomScoreAdj: OOM_SCORE_ADJ.streaming, workers: 0, recycle: null };
}

/** index: which of the sidekiq processes of the dyno it is, from 0. */
export function sidekiqMemory(settings: Settings, { jitter }: Place, threads: number, index: number): ChildMemory {
  const { SUPERVISE_RECYCLE_EVERY: every, SUPERVISE_RECYCLE_QUIET: quietMs } = settings;
  const everyMs = every === null ? null : spread(every, (jitter + index * GOLDEN) % 1);
  return {
    expectedBytes: expectedBytes('sidekiq', threads, 0),
    oomScoreAdj: OOM_SCORE_ADJ.sidekiq,
    workers: 0,
    recycle: { quiet: 'SIGTSTP', idleTitle: SIDEKIQ_IDLE, quietMs, everyMs },
  };
}

/** A tenth more or less, so that not every dyno recycles at the same time. */
function spread(ms: number, part: number): number {
  return Math.round(ms * (0.9 + 0.2 * part));
}
