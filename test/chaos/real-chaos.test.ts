import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { judgeReal } from './real-judge.ts';
import { playReal } from './real-play.ts';
import { realStories } from './real-story.ts';

const runs = Number(process.env.CHAOS_REAL_RUNS ?? 10);
const seed = Number(process.env.CHAOS_SEED ?? 1);
const path = process.env.CHAOS_PATH;
const from = Number(process.env.CHAOS_REAL_FROM ?? 0);
/** They wait more than they work. */
const AT_ONCE = Number(process.env.CHAOS_REAL_AT_ONCE ?? 3);
/** A story takes seconds: a shorter one that fails as well is not looked for any longer. */
const SHRINK_MOST_MS = 150_000;

vi.setConfig({ maxConcurrency: AT_ONCE });
const numbers = Array.from({ length: runs }, (_, index) => from + index);

test.concurrent.each(numbers)(
  'story %i with the real puma, sidekiq and Redis',
  { timeout: 400_000 },
  async (number) => {
    await fc.assert(
      fc.asyncProperty(realStories, async (story) => {
        const record = await playReal(story);
        const problems = judgeReal(story, record);
        if (problems.length > 0) process.stderr.write(`story ${number} of seed ${seed}: ${problems.join('; ')}\n`);
        expect(problems, brief(record)).toEqual([]);
      }),
      {
        ...{ numRuns: 1, seed: (seed * 1_000_003 + number) | 0, interruptAfterTimeLimit: SHRINK_MOST_MS },
        ...(path === undefined ? {} : { path }),
      },
    );
  },
);

/** The record without what fills pages. */
function brief({ enqueued, waiting, visits, ledger, ...rest }: Awaited<ReturnType<typeof playReal>>): string {
  const counts = { enqueued: enqueued.length, waiting: waiting.length, visits: visits.length, entries: ledger.length };
  return JSON.stringify({ ...rest, ...counts }, null, 1);
}
