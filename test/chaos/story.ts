import fc from 'fast-check';

/** A dyno's life, told beforehand: what its children are like, and what happens to them and when. */
export type Story = {
  hasWorker: boolean;
  hasRouter: boolean;
  hasPrefix: boolean;
  puma: Nature;
  sidekiq: Nature;
  happenings: readonly Happening[];
};

export type Nature = {
  /** After TERM: how it ends and how long it needs. `ignore`: not at all. */
  term: { how: 'exit'; code: number; afterMs: number } | { how: 'signal'; afterMs: number } | { how: 'ignore' };
  /** By itself, so long after its start. */
  end: { how: 'exit'; code: number; inMs: number } | { how: 'kill'; signal: NodeJS.Signals; inMs: number } | null;
  daemon: 'follow' | 'ignore' | 'bare' | null;
  lines: number;
};

export type Happening = {
  /** After exec of the supervisor. */
  atMs: number;
  what:
    | { do: 'stop'; signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'; toAll: boolean }
    | { do: 'kill'; whom: ChildName | 'supervisor' }
    | { do: 'freeze' | 'thaw'; whom: ChildName }
    | { do: 'stall' | 'read' };
};
export type ChildName = 'puma' | 'sidekiq';

const whom = fc.constantFrom<ChildName>('puma', 'sidekiq');
const nature: fc.Arbitrary<Nature> = fc.record({
  term: fc.oneof(
    { weight: 6, arbitrary: ended(fc.constantFrom(0, 0, 1, 143), fc.constantFrom(0, 0, 100, 700, 9000)) },
    { weight: 3, arbitrary: fc.record({ how: fc.constant('signal' as const), afterMs: fc.constantFrom(0, 50, 400) }) },
    { weight: 1, arbitrary: fc.constant({ how: 'ignore' as const }) },
  ),
  end: fc.option(
    fc.oneof(
      fc.record({ how: fc.constant('exit' as const), code: fc.constantFrom(0, 1, 3, 255), inMs: fc.nat(1500) }),
      fc.record({
        how: fc.constant('kill' as const),
        signal: fc.constantFrom<NodeJS.Signals>('SIGKILL', 'SIGSEGV', 'SIGABRT'),
        inMs: fc.nat(1500),
      }),
    ),
    { freq: 3 },
  ),
  daemon: fc.option(fc.constantFrom('follow' as const, 'ignore' as const, 'bare' as const), { freq: 4 }),
  lines: fc.constantFrom(0, 0, 0, 3000),
});

const happening: fc.Arbitrary<Happening> = fc.record({
  atMs: fc.nat(2000),
  what: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('stop' as const),
        signal: fc.constantFrom('SIGTERM' as const, 'SIGTERM' as const, 'SIGINT' as const, 'SIGHUP' as const),
        toAll: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('kill' as const),
        whom: fc.constantFrom('puma' as const, 'sidekiq' as const, 'supervisor' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const), whom }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'read' as const) }) },
  ),
});

export const stories: fc.Arbitrary<Story> = fc.record({
  hasWorker: fc.boolean(),
  hasRouter: fc.boolean(),
  hasPrefix: fc.boolean(),
  puma: nature,
  sidekiq: nature,
  happenings: fc.array(happening, { maxLength: 5 }),
});

function ended(
  code: fc.Arbitrary<number>,
  afterMs: fc.Arbitrary<number>,
): fc.Arbitrary<{ how: 'exit'; code: number; afterMs: number }> {
  return fc.record({ how: fc.constant('exit' as const), code, afterMs });
}
