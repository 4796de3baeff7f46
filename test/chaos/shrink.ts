import type { Nature, Story } from './story.ts';

const PLAIN: Nature = {
  bootMs: 0,
  term: { how: 'exit', code: 0, afterMs: 0 },
  end: null,
  daemon: null,
  behind: null,
  lines: 0,
  grows: null,
};
const SIMPLE = {
  ...{ isBusy: false, hasPrefix: false, memory: 'off', tmp: 'there', streaming: 'none', hasRouter: false },
  ...{ hasWorker: false, waits: false, mistake: null, stdout: 'file' },
} as const satisfies Partial<Story>;

/** Stories that are each a step simpler, in an order that depends on nothing but the story. */
export function simplerThan(story: Story): Story[] {
  const { happenings } = story;
  const half = Math.ceil(happenings.length / 2);
  const fewer = happenings.length > 3 ? [happenings.slice(0, half), happenings.slice(half)] : [];
  const without = happenings.map((_, index) => happenings.filter((__, other) => other !== index));
  return [
    ...[...fewer, ...without].map((left) => ({ ...story, happenings: left })),
    ...(Object.keys(SIMPLE) as (keyof typeof SIMPLE)[])
      .filter((key) => story[key] !== SIMPLE[key])
      .map((key) => ({ ...story, [key]: SIMPLE[key] })),
    ...(['puma', 'sidekiq', 'streamer'] as const).flatMap((child) =>
      simplerNatures(story[child]).map((nature) => ({ ...story, [child]: nature })),
    ),
  ];
}

function simplerNatures(nature: Nature): Nature[] {
  const keys = (Object.keys(PLAIN) as (keyof Nature)[]).filter(
    (key) => JSON.stringify(nature[key]) !== JSON.stringify(PLAIN[key]),
  );
  return keys.map((key) => ({ ...nature, [key]: PLAIN[key] }));
}
