import type { Genre } from './genre.ts';
import { judgeReal } from './real-judge.ts';
import { playReal, RAILS_APP, SMALL_APP } from './real-play.ts';
import { realStoryOf, type RealStory } from './real-story.ts';
import { withFewerHappenings, withSimpler } from './shrink.ts';
import { openTheatre } from './stage.ts';

/** They wait more than they work, but what boots a ruby needs a core for it. */
const AT_ONCE = 3;

const SIMPLE = {
  ...{ isBusy: false, isRails: false, hasCluster: false, hasPrefix: false, hasRouter: false, waits: false },
} as const satisfies Partial<RealStory>;

/** Stories with the real puma, sidekiq and Redis, some with Rails: jobs and requests are counted. */
export function realGenre(root: string): Genre<RealStory> {
  const theatre = openTheatre(root, [SMALL_APP, RAILS_APP]);
  return {
    ...{ atOnce: AT_ONCE, storyOf: realStoryOf, close: theatre.close },
    simplerThan: (story) => [...withFewerHappenings(story), ...withSimpler(story, SIMPLE)],
    async play(story) {
      const record = await playReal(story, theatre.folder);
      return { record, violations: judgeReal(story, record) };
    },
  };
}
