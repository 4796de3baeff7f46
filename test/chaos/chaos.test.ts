import { afterAll, expect, test } from 'vitest';
import { rootHere } from './play.ts';
import { storyOf } from './random-story.ts';
import { Troupe } from './troupe.ts';

const RUNS = Number(process.env.CHAOS_RUNS ?? 190);
const SEED = 1;
const AT_ONCE = 8;

const troupe = new Troupe(rootHere(), AT_ONCE);
const numbers = Array.from({ length: RUNS }, (_, number) => number);
// All begin here, so many at once; each test waits for its own.
const played = numbers.map((number) => troupe.play(storyOf(SEED, number)));
for (const one of played) one.catch(() => {}); // its test tells

afterAll(async () => {
  await Promise.allSettled(played);
  troupe.close();
});

test.each(numbers)(`story %i of seed ${SEED}`, { timeout: 600_000 }, async (number) => {
  const { violations } = (await played[number]) ?? { violations: ['not played'] };
  expect(violations, `npm run chaos -- --seed ${SEED} --path ${number}`).toEqual([]);
});
