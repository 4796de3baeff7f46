import fc from 'fast-check';
import { sampleOf } from './sample.ts';
import type { ChildName, Deed, Happening, Nature, Question, StopSignal, Story, Whom } from './story.ts';

const whom = fc.constantFrom<ChildName>('puma', 'sidekiq', 'streaming');
/** Nothing lies near what is left for children once the supervisor has taken its part of the budget. */
const nature: fc.Arbitrary<Nature> = fc.record({
  bootMs: fc.constantFrom(0, 0, 0, 100, 600),
  term: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        how: fc.constant('exit' as const),
        code: fc.constantFrom(0, 0, 1, 143),
        afterMs: fc.constantFrom(0, 0, 50, 100, 400, 9000),
      }),
    },
    { weight: 3, arbitrary: fc.record({ how: fc.constant('signal' as const), afterMs: fc.constantFrom(0, 50, 400) }) },
    { weight: 2, arbitrary: fc.constant({ how: 'ignore' as const }) },
  ),
  end: seldom(
    5,
    fc.oneof(
      fc.record({ how: fc.constant('exit' as const), code: fc.constantFrom(0, 0, 1, 3, 143, 255), inMs: fc.nat(1500) }),
      fc.record({
        how: fc.constant('kill' as const),
        signal: fc.constantFrom<NodeJS.Signals>('SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM'),
        inMs: fc.nat(1500),
      }),
    ),
  ),
  daemon: seldom(
    4,
    fc.record({
      kind: fc.constantFrom(...(['follow', 'ignore', 'bare', 'double', 'heir', 'loud'] as const)),
      inMs: fc.constantFrom(0, 0, 300, 900),
    }),
  ),
  behind: seldom(10, fc.constantFrom('script' as const, 'session' as const)),
  lines: fc.constantFrom(0, 0, 0, 0, 100, 20_000),
  stalls: seldom(6, fc.record({ forMs: fc.constantFrom(50, 700, 60_000) })),
  grows: fc.option(
    fc.record({ what: fc.constantFrom('helper' as const, 'self' as const), inMs: fc.integer({ min: 200, max: 2500 }) }),
    { freq: 2 },
  ),
});

const signal = fc.constantFrom<StopSignal>('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGINT', 'SIGHUP');
const stop: fc.Arbitrary<Deed> = fc.record({
  do: fc.constant('stop' as const),
  signal,
  to: fc.constantFrom('supervisor' as const, 'supervisor' as const, 'all' as const, 'all, supervisor last' as const),
});
const questions = fc.constantFrom<Question>('echo', 'slow', 'big', 'post', 'stream', 'upgrade');
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 10, arbitrary: stop },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('kill' as const),
      whom: fc.constantFrom<Whom>(
        ...(['puma', 'sidekiq', 'streaming', 'worker', 'daemon', 'daemon', 'helper', 'relay', 'supervisor'] as const),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tell' as const),
      signal,
      whom: fc.constantFrom(...(['puma', 'sidekiq', 'streaming', 'worker', 'daemon'] as const)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const), whom }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'read' as const, 'close' as const) }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('ask' as const), for: questions }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('step' as const), byS: fc.constantFrom(-86_400, -3, 3, 3600) }) },
);

/** Any time, or soon after the one before: what happens while something else is under way is what supervisors fail at. */
const happenings: fc.Arbitrary<Happening[]> = fc
  .array(fc.record({ atMs: fc.nat(1600), soonMs: seldom(2, fc.oneof(fc.nat(10), fc.nat(700))), what: deed }), {
    maxLength: 7,
    size: 'max',
  })
  .map((all) => {
    let last = 0;
    return all.map(({ atMs, soonMs, what }) => {
      last = soonMs === null ? atMs : last + soonMs;
      return { atMs: last, what };
    });
  });

const stories: fc.Arbitrary<Story> = fc.record({
  role: fc.constantFrom('web' as const, 'web' as const, 'web' as const, 'worker' as const),
  hasWorker: fc.boolean(),
  hasRouter: fc.boolean(),
  streaming: fc.constantFrom('none' as const, 'none' as const, 'inline' as const, 'on-demand' as const),
  waits: fc.boolean(),
  hasPrefix: fc.boolean(),
  stdout: fc.constantFrom('pipe' as const, 'socket' as const, 'file' as const),
  tmp: fc.constantFrom(
    'there' as const,
    'there' as const,
    'there' as const,
    'there' as const,
    'missing' as const,
    'full' as const,
  ),
  memory: fc.oneof(
    { weight: 12, arbitrary: fc.constant('off' as const) },
    { weight: 1, arbitrary: fc.constantFrom('relieve' as const, 'save' as const) },
  ),
  isBusy: oneIn(10),
  mistake: seldom(
    30,
    fc.constantFrom('setting' as const, 'not-found' as const, 'not-executable' as const, 'port-taken' as const),
  ),
  puma: nature,
  sidekiq: nature,
  streamer: nature,
  happenings,
});

/** The story of this number, the same whoever plays it and when. */
export function storyOf(seed: number, number: number): Story {
  return sampleOf(stories, seed, number);
}

/** Null in all but one of `freq`. */
function seldom<T>(freq: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: freq - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: arbitrary });
}

function oneIn(freq: number): fc.Arbitrary<boolean> {
  return seldom(freq, fc.constant(true)).map((yes) => yes ?? false);
}
