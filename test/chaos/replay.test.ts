import { expect, test } from 'vitest';
import type { Genre, Seen } from './genre.ts';
import { replay, shrink } from './replay.ts';
import { withFewerHappenings } from './shrink.ts';
import { Troupe } from './troupe.ts';

type Story = { happenings: readonly number[] };

/** Stories of which the violations are what `judge` says of what happens in them. */
function troupeOf(judge: (happenings: readonly number[]) => string[]): Troupe<Story> {
  const genre: Genre<Story> = {
    ...{ atOnce: 2, simplerThan: withFewerHappenings, close: () => {} },
    storyOf: (seed, number) => ({ happenings: [1, 2, 3, 4, 5, 6, 7, 8].map((one) => one + seed + number) }),
    play: ({ happenings }) => Promise.resolve<Seen>({ record: null, violations: judge(happenings) }),
  };
  return new Troupe(genre);
}

async function shortestOf(troupe: Troupe<Story>): Promise<Awaited<ReturnType<typeof shrink<Story>>>> {
  const failure = await replay(100, [10], troupe);
  if (failure === null) throw new Error('it does not fail');
  return shrink(failure, troupe);
}

test('a failing story shrinks to what breaks the rule, and its path leads there again', async () => {
  const troupe = troupeOf((all) => (all.includes(113) && all.includes(117) ? ['process 7 was left: x'] : []));
  const { failed, path } = await shortestOf(troupe);
  expect(failed.story.happenings).toEqual([113, 117]);
  expect(await replay(100, path, troupe)).toEqual({ failed, path });
});

test('what breaks another rule is no shorter form of it', async () => {
  const troupe = troupeOf((all) => [all.length > 2 ? `exit code ${all.length}, expected 0` : 'a wrong answer']);
  expect((await shortestOf(troupe)).failed.violations).toEqual(['exit code 3, expected 0']);
});

test('one that fails once in six plays fails', async () => {
  let plays = 0;
  const troupe = troupeOf(() => ((plays += 1) % 6 === 0 ? ['a wrong answer'] : []));
  expect((await shortestOf(troupe)).failed.story.happenings).toEqual([]);
});

test('one that breaks nothing has no failure', async () => {
  expect(
    await replay(
      100,
      [10, 0, 1],
      troupeOf(() => []),
    ),
  ).toBeNull();
});
