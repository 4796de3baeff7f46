import { afterAll, expect, test } from 'vitest';
import { rootHere } from './play.ts';
import { Repertoire } from './repertoire.ts';

const RUNS = Number(process.env.CHAOS_RUNS ?? 200);
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const AT_ONCE = 8;

const repertoire = new Repertoire(rootHere(), AT_ONCE);
// All begin here, so many at once; each test waits for its own.
const stories = repertoire.playAll(SEED, RUNS).map((playing, number) => ({ playing, number }));
for (const { playing } of stories) playing.catch(() => {}); // its test tells

afterAll(async () => {
  await Promise.allSettled(stories.map(({ playing }) => playing));
  repertoire.close();
});

test.each(stories)(`story $number of seed ${SEED}`, { timeout: 600_000 }, async ({ playing, number }) => {
  expect(await playing, `npm run chaos -- --seed ${SEED} --path ${number}`).toEqual([]);
});
