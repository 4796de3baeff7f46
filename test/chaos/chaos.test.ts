import { afterAll, expect, test } from 'vitest';
import { rootHere } from './play.ts';
import { Repertoire } from './repertoire.ts';

const RUNS = Number(process.env.CHAOS_RUNS ?? 200);
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const AT_ONCE = 8;

/** More than these cannot all be the machine. */
const REPLAYS_MOST = RUNS / 40;

const repertoire = new Repertoire(rootHere(), AT_ONCE);
// All begin here, so many at once; each test waits for its own.
const stories = repertoire.playAll(SEED, RUNS).map((playing, number) => ({ playing, number }));
for (const { playing } of stories) playing.catch(() => {}); // its test tells

afterAll(async () => {
  await Promise.allSettled(stories.map(({ playing }) => playing));
  repertoire.close();
});

let replays = 0;

/** The judge goes by moments, and a busy machine moves them: once may be the machine, twice is the dyno. `npm run chaos` counts
 * each. */
test.each(stories)(`story $number of seed ${SEED}`, { timeout: 600_000 }, async ({ playing, number }) => {
  const violations = await playing;
  if (violations.length === 0) return;
  replays += 1;
  process.stderr.write(`story ${number}, to be played twice more: ${violations.join('; ')}\n`);
  const again = await Promise.all([1, 2].map(() => repertoire.play(SEED, number)));
  expect(again.flat(), `npm run chaos -- --seed ${SEED} --path ${number}`).toEqual([]);
});

test('few of them had to be played again', () => {
  expect(replays).toBeLessThanOrEqual(REPLAYS_MOST);
});
