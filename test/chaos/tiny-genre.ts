import type { Genre } from './genre.ts';
import { judge } from './judge.ts';
import { play } from './play.ts';
import { storyOf } from './random-story.ts';
import { simplerThan } from './shrink.ts';
import { Stage, openTheatre } from './stage.ts';
import type { Story } from './story.ts';

/** Stories with tiny children, which can be anything. */
export function tinyGenre(root: string, atOnce: number): Genre<Story> {
  const theatre = openTheatre(root);
  const stages = Array.from({ length: atOnce }, (_, place) => new Stage(theatre.folder, place));
  return {
    ...{ atOnce, storyOf, simplerThan, close: theatre.close },
    async play(story, place) {
      const stage = stages[place];
      if (stage === undefined) throw new Error(`no stage ${place}`);
      const record = await play(story, stage, theatre.folder);
      return { record, violations: judge(story, record) };
    },
  };
}
