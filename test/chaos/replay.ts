import type { Played } from './genre.ts';
import type { Troupe } from './troupe.ts';

/** How often a story is played before it counts as one that does not fail: moments vary. */
const TRIES = 6;

export type Failure<Story> = { failed: Played<Story>; path: readonly number[] };

/** The story at `path`: its number, and which simpler one to take at each step. Null where it does not fail. */
export async function replay<Story>(
  seed: number,
  path: readonly number[],
  troupe: Troupe<Story>,
): Promise<Failure<Story> | null> {
  const { storyOf, simplerThan } = troupe.genre;
  const [number = 0, ...steps] = path;
  const story = steps.reduce((longer, step) => simplerThan(longer)[step] ?? longer, storyOf(seed, number));
  const failed = await failureOf(story, troupe);
  return failed && { failed, path };
}

/** As long as something simpler still breaks the same rule. */
export async function shrink<Story>({ failed, path }: Failure<Story>, troupe: Troupe<Story>): Promise<Failure<Story>> {
  const kinds = kindsOf(failed);
  for (const [index, story] of troupe.genre.simplerThan(failed.story).entries()) {
    const next = await failureOf(story, troupe, kinds);
    if (next !== null) return shrink({ failed: next, path: [...path, index] }, troupe);
  }
  return { failed, path };
}

/** Its first violation, of these kinds, in so many plays at the same time. */
async function failureOf<Story>(
  story: Story,
  troupe: Troupe<Story>,
  kinds?: ReadonlySet<string>,
): Promise<Played<Story> | null> {
  const played = await Promise.all(Array.from({ length: TRIES }, () => troupe.play(() => story)));
  const isOne = (one: Played<Story>): boolean => !kinds || [...kindsOf(one)].some((kind) => kinds.has(kind));
  return played.find((one) => one.violations.length > 0 && isOne(one)) ?? null;
}

/** Without the numbers and what was said. */
function kindsOf({ violations }: Played<unknown>): Set<string> {
  return new Set(violations.map((one) => one.replace(/: .*/, '').replace(/\d+/g, 'N')));
}
