import fc from 'fast-check';
import { sampleOf } from './sample.ts';

/** The life of a dyno with the real puma and sidekiq: what it is asked for all the time, and what happens to it. */
export type RealStory = {
  role: 'web' | 'worker';
  /** Of a web dyno. */
  hasWorker: boolean;
  hasRouter: boolean;
  /** Rails behind both, which boots slowly, instead of a small app. */
  isRails: boolean;
  /** A master and a worker of puma instead of one process. */
  hasCluster: boolean;
  /** Sidekiq waits for puma. */
  waits: boolean;
  hasPrefix: boolean;
  /** Others want both cores. */
  isBusy: boolean;
  /** One after the other and over again, as long as the dyno lives. */
  jobs: { everyMs: number; kinds: readonly JobKind[] };
  visits: { everyMs: number; kinds: readonly VisitKind[] };
  happenings: readonly RealHappening[];
};

/** lingersMs: what it still does once it is told to give up. */
export type JobKind = { lastsMs: number; lingersMs: number };
export type VisitKind = {
  lastsMs: number;
  sizeBytes: number;
  isPost: boolean;
  isChunked: boolean;
  keepsAlive: boolean;
};

/** After exec of the supervisor. */
export type RealHappening = { atMs: number; what: RealDeed };
export type RealDeed =
  | { do: 'stop'; signal: StopSignal; toAll: boolean }
  | { do: 'tell'; signal: 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2'; whom: 'supervisor' }
  | { do: 'tell'; signal: StopSignal; whom: Part }
  | { do: 'kill'; whom: Part | 'supervisor' }
  | { do: 'freeze' | 'thaw'; whom: Part }
  | { do: 'stall' | 'read' | 'close' }
  | { do: 'restart redis'; downMs: number };
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
export type Part = 'puma' | 'sidekiq';

const part = fc.constantFrom<Part>('puma', 'sidekiq');
/** Sidekiq has 3 s to let a job finish; the longest outlives the whole budget. */
const jobKind: fc.Arbitrary<JobKind> = fc.record({
  lastsMs: fc.constantFrom(0, 5, 50, 300, 1000, 2900, 3000, 3100, 15_000),
  lingersMs: fc.constantFrom(0, 0, 0, 1000, 20_000),
});
const visitKind: fc.Arbitrary<VisitKind> = fc.record({
  lastsMs: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(0, 0, 5, 50, 300, 1000, 2500) },
    { weight: 1, arbitrary: fc.constant(12_000) },
  ),
  sizeBytes: fc.constantFrom(0, 10, 2000, 100_000, 2_000_000),
  isPost: fc.boolean(),
  isChunked: fc.boolean(),
  keepsAlive: fc.boolean(),
});

const deed: fc.Arbitrary<RealDeed> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('stop' as const),
      signal: fc.constantFrom<StopSignal>('SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP'),
      toAll: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tell' as const),
      signal: fc.constantFrom('SIGTTIN' as const, 'SIGUSR1' as const, 'SIGUSR2' as const),
      whom: fc.constant('supervisor' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('tell' as const),
      signal: fc.constantFrom<StopSignal>('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP'),
      whom: part,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('kill' as const),
      whom: fc.constantFrom('puma' as const, 'sidekiq' as const, 'supervisor' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const), whom: part }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'read' as const, 'close' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('restart redis' as const), downMs: fc.constantFrom(0, 200, 1000) }),
  },
);

const realStories: fc.Arbitrary<RealStory> = fc.record({
  role: fc.constantFrom('web' as const, 'web' as const, 'web' as const, 'worker' as const),
  hasWorker: fc.constantFrom(true, true, true, true, false),
  hasRouter: fc.boolean(),
  isRails: oneIn(8),
  hasCluster: oneIn(4),
  waits: fc.boolean(),
  hasPrefix: oneIn(3),
  isBusy: oneIn(10),
  jobs: fc.record({
    everyMs: fc.constantFrom(40, 100, 300),
    kinds: fc.array(jobKind, { minLength: 1, maxLength: 6 }),
  }),
  visits: fc.record({
    everyMs: fc.constantFrom(20, 60, 200),
    kinds: fc.array(visitKind, { minLength: 1, maxLength: 6 }),
  }),
  happenings: fc.array(fc.record({ atMs: fc.noBias(fc.nat(3500)), what: deed }), { maxLength: 5, size: 'max' }),
});

/** The story of this number, the same whoever plays it and when. */
export function realStoryOf(seed: number, number: number): RealStory {
  return sampleOf(realStories, seed, number);
}

export function hasPart({ role, hasWorker }: RealStory, name: Part): boolean {
  return name === 'puma' ? role === 'web' : role === 'worker' || hasWorker;
}

function oneIn(freq: number): fc.Arbitrary<boolean> {
  return fc.nat(freq - 1).map((number) => number === freq - 1);
}
