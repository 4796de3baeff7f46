import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from './judge.ts';
import { play } from './play.ts';
import { stories } from './story.ts';

const runs = Number(process.env.CHAOS_RUNS ?? 20);
const seed = Number(process.env.CHAOS_SEED ?? 1);
const path = process.env.CHAOS_PATH;
/** Stories a test: what it says is the progress of a long run. */
const CHUNK = 20;
const chunks = Array.from({ length: Math.ceil(runs / CHUNK) }, (_, index) => index);

test.each(chunks)('stories of chunk %i', { timeout: 600_000 }, async (chunk) => {
  const numRuns = Math.min(CHUNK, runs - chunk * CHUNK);
  await fc.assert(
    fc.asyncProperty(stories, async (story) => {
      const record = await play(story);
      expect(judge(story, record), JSON.stringify(record, null, 1)).toEqual([]);
    }),
    { numRuns, seed: seed + chunk, ...(path === undefined ? {} : { path }), interruptAfterTimeLimit: 500_000 },
  );
});
