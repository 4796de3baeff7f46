import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { rootHere } from './play.ts';
import { openTheatre } from './stage.ts';
import { judgeReal } from './real-judge.ts';
import { playReal } from './real-play.ts';
import type { RealRecord } from './real-record.ts';
import { realStories, type RealStory } from './real-story.ts';

const runs = Number(process.env.CHAOS_REAL_RUNS ?? 10);
const seed = Number(process.env.CHAOS_SEED ?? 1);
/** Which story, and which shorter one of it, as a failure tells: CHAOS_REAL_FROM=3 CHAOS_REAL_RUNS=1 CHAOS_PATH=0:1:0. */
const from = Number(process.env.CHAOS_REAL_FROM ?? 0);
const path = process.env.CHAOS_PATH;
/** They wait more than they work. */
const AT_ONCE = Number(process.env.CHAOS_REAL_AT_ONCE ?? 3);
/** A story takes seconds: a shorter one that fails as well is not looked for any longer. */
const SHRINK_MOST_MS = Number(process.env.CHAOS_REAL_SHRINK_MS ?? 120_000);
const PROGRESS_EVERY = 10;

const theatre = openTheatre(rootHere());
const told = { done: 0, violated: 0 };
afterAll(() => theatre.close());
vi.setConfig({ maxConcurrency: AT_ONCE });

const numbers = Array.from({ length: runs }, (_, index) => from + index);
test.concurrent.each(numbers)('story %i with the real parts', { timeout: 400_000 }, async (number) => {
  const untilMs = performance.now() + SHRINK_MOST_MS;
  let isFirst = true;
  const holds = async (story: RealStory): Promise<void> => {
    if (!isFirst && performance.now() > untilMs) return;
    const record = await playReal(story, theatre.folder);
    const problems = judgeReal(story, record);
    if (isFirst) tell(number, problems);
    isFirst = false;
    expect(problems, brief(record)).toEqual([]);
  };
  const settings = { numRuns: 1, seed: (seed * 1_000_003 + number) | 0, ...(path === undefined ? {} : { path }) };
  await fc.assert(fc.asyncProperty(realStories, holds), settings);
});

/** At once what is wrong, and now and then how far we are. */
function tell(number: number, problems: readonly string[]): void {
  told.done += 1;
  if (problems.length > 0) told.violated += 1;
  const lines = problems.map((problem) => `story ${number} of seed ${seed}: ${problem}`);
  if (told.done % PROGRESS_EVERY === 0)
    lines.push(`${told.done} of ${runs} real stories, ${told.violated} with violations`);
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** The record without what fills pages, and of the facts their words. */
function brief({ facts, enqueued, waiting, visits, ledger, ...rest }: RealRecord): string {
  const counts = { enqueued: enqueued.length, waiting: waiting.length, visits: visits.length, entries: ledger.length };
  const log = facts.map(({ time, msg }) => `${Number(time) % 1_000_000} ${String(msg)}`);
  return [JSON.stringify({ ...rest, ...counts }), ...log].join('\n');
}
