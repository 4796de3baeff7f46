import type { Nature, Story } from './story.ts';

const PLAIN: Nature = {
  bootMs: 0,
  term: { how: 'exit', code: 0, afterMs: 0 },
  end: null,
  daemon: null,
  behind: null,
  lines: 0,
  stalls: null,
  grows: null,
};
const SIMPLE = {
  ...{ isBusy: false, hasPrefix: false, memory: 'off', tmp: 'there', streaming: 'none', hasRouter: false },
  ...{ hasWorker: false, waits: false, mistake: null, stdout: 'file' },
} as const satisfies Partial<Story>;

/** Stories that are each a step simpler, in an order that depends on nothing but the story. */
export function simplerThan(story: Story): Story[] {
  return [
    ...withFewerHappenings(story),
    ...withSimpler(story, SIMPLE),
    ...(['puma', 'sidekiq', 'streamer'] as const).flatMap((child) =>
      withSimpler(story[child], PLAIN).map((nature) => ({ ...story, [child]: nature })),
    ),
  ];
}

/** Halves first, then all but one. */
export function withFewerHappenings<S extends { happenings: readonly unknown[] }>(story: S): S[] {
  const { happenings } = story;
  const half = Math.ceil(happenings.length / 2);
  const fewer = happenings.length > 3 ? [happenings.slice(0, half), happenings.slice(half)] : [];
  const without = happenings.map((_, index) => happenings.filter((__, other) => other !== index));
  return [...fewer, ...without].map((left) => ({ ...story, happenings: left }));
}

/** One thing at a time as in `simple`. */
export function withSimpler<S extends object>(whole: S, simple: Partial<S>): S[] {
  const keys = Object.keys(simple) as (keyof S)[];
  const different = keys.filter((key) => JSON.stringify(whole[key]) !== JSON.stringify(simple[key]));
  return different.map((key) => ({ ...whole, [key]: simple[key] }));
}
