import fc from 'fast-check';

// Generators define what a scenario can be. The order of their parts decides which scenario has which number.

const { constant, constantFrom, nat, record } = fc;

/** The type of the values that a generator makes. */
export type Generated<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Choice = readonly [weight: number, arbitrary: fc.Arbitrary<unknown>];

/** The first choice is the simplest. */
export function weighted<C extends readonly Choice[]>(...choices: C): fc.Arbitrary<Generated<C[number][1]>> {
  const weights = choices.map(([weight, arbitrary]) => ({ weight, arbitrary }));
  return fc.oneof({ withCrossShrink: true }, ...weights) as fc.Arbitrary<Generated<C[number][1]>>;
}

/** Null in all but one of `frequency`. */
function rarely<T>(frequency: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return weighted([frequency - 1, constant(null)], [1, arbitrary]);
}

/** Times do not get simpler: to try them takes long and explains nothing. */
function time(maxMs: number): fc.Arbitrary<number> {
  return fc.noShrink(nat(maxMs));
}

export type ChildName = 'puma' | 'sidekiq' | 'streaming';
export const CHILD_NAMES: readonly ChildName[] = ['puma', 'sidekiq', 'streaming'];

const crashSignal = constantFrom('SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM');
const daemonKind = constantFrom('follow', 'ignore', 'bare', 'double', 'successor', 'loud');
const growthKind = constantFrom('helper', 'self');
const exitsAfterMs = constantFrom(0, 0, 50, 100, 400, 9000);
/** How a child behaves. Times count from its start. No exit time is close to the deadline at which children are killed, so that
 * its outcome is certain. */
const behavior = record({
  startupMs: constantFrom(0, 0, 0, 100, 600),
  /** afterMs: from TERM to the exit. */
  onTerm: weighted(
    [6, record({ kind: constant('exit'), code: constantFrom(0, 0, 1, 143), afterMs: exitsAfterMs })],
    [3, record({ kind: constant('signal'), afterMs: constantFrom(0, 50, 400) })],
    [2, constant({ kind: 'ignore' })],
  ),
  /** An exit that was not requested. */
  crash: rarely(
    5,
    fc.oneof(
      record({ kind: constant('exit'), code: constantFrom(0, 0, 1, 3, 143, 255), afterMs: time(1500) }),
      record({ kind: constant('signal'), signal: crashSignal, afterMs: time(1500) }),
    ),
  ),
  daemon: rarely(4, record({ kind: daemonKind, afterMs: constantFrom(0, 0, 300, 900) })),
  /** The work is done by a second process: behind a start script, or in a session of its own. */
  wrapper: rarely(10, constantFrom('script', 'session')),
  lines: constantFrom(0, 0, 0, 0, 100, 20_000),
  /** Once ready, the child writes half a line, and after a pause the rest of it. */
  midLinePause: rarely(6, record({ forMs: constantFrom(50, 700, 60_000) })),
  grows: fc.option(record({ kind: growthKind, afterMs: fc.noShrink(fc.integer({ min: 200, max: 2500 })) }), {
    freq: 2,
  }),
});
export type Behavior = Generated<typeof behavior>;

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** wrapped: the process that works behind a wrapper; helper: the growing process that a child has started; relay: the process that
 * copies the log. */
export type Target = ChildName | 'wrapped' | 'supervisor' | 'daemon' | 'helper' | 'relay';

const stopSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGINT', 'SIGHUP');
const stopTarget = constantFrom('supervisor', 'supervisor', 'all', 'all-supervisor-last');
const child = constantFrom('puma', 'sidekiq', 'streaming');
const signalTarget = constantFrom('puma', 'sidekiq', 'streaming', 'wrapped', 'daemon');
const killTarget = constantFrom(
  ...(['puma', 'sidekiq', 'streaming', 'wrapped', 'daemon', 'daemon', 'helper', 'relay', 'supervisor'] as const),
);
const request = constantFrom('echo', 'slow', 'big', 'post', 'stream', 'upgrade');
export type RequestKind = Generated<typeof request>;

/** What the reader of the dyno's log does. */
export const readerFault = record({ type: constantFrom('stall-reader', 'resume-reader', 'close-reader') });
/** stop: the signal of a platform; signal, kill, suspend, resume: of one process. */
const fault = weighted(
  [10, record({ type: constant('stop'), signal: stopSignal, target: stopTarget })],
  [4, record({ type: constant('kill'), target: killTarget })],
  [3, record({ type: constant('signal'), signal: stopSignal, target: signalTarget })],
  [3, record({ type: constantFrom('suspend', 'resume'), target: child })],
  [3, readerFault],
  [12, record({ type: constant('request'), request })],
  [1, record({ type: constant('step-clock'), seconds: constantFrom(-86_400, -3, 3, 3600) })],
);
export type Fault = Generated<typeof fault>;
/** atMs: after the exec of the supervisor. */
export type Scheduled<F> = { atMs: number; fault: F };

/** At any time, or soon after the fault before: supervisors fail when something happens while something else is under way. */
const faults = fc
  .array(record({ atMs: time(1600), soonMs: rarely(2, fc.oneof(time(10), time(700))), fault }), {
    maxLength: 7,
    size: 'max',
  })
  .map((all): Scheduled<Fault>[] => {
    let lastMs = 0;
    return all.map(({ atMs, soonMs, fault }) => {
      lastMs = soonMs === null ? atMs : lastMs + soonMs;
      return { atMs: lastMs, fault };
    });
  });

export const role = constantFrom('web', 'web', 'web', 'worker');
/** One run of a dyno, planned in advance: its settings, how its child processes behave, and which faults are injected when. The children
 * are small Perl programs (test/fixtures/chaos-child.pl) that can behave in any way. */
export const scenarios = record({
  role,
  /** This and the next two: of a web dyno. */
  hasSidekiq: fc.boolean(),
  hasRouter: fc.boolean(),
  streaming: constantFrom('none', 'none', 'inline', 'on-demand'),
  /** Sidekiq starts only once puma is ready. */
  sidekiqWaits: fc.boolean(),
  hasPrefix: fc.boolean(),
  stdout: constantFrom('pipe', 'socket', 'file'),
  /** The checkout's tmp/, where sidekiq's ready file belongs. */
  tmp: constantFrom('writable', 'writable', 'writable', 'writable', 'missing', 'full'),
  /** The highest threshold of the memory guard that a growing child can pass. */
  memory: weighted([12, constant('off')], [1, constantFrom('act', 'emergency')]),
  /** Other processes compete for the CPU. */
  isCpuBusy: rarely(10, constant(true)).map((value) => value ?? false),
  /** Configuration errors, each of which the supervisor detects before it starts a child. */
  misconfiguration: rarely(30, constantFrom('invalid-setting', 'command-not-found', 'not-executable', 'port-taken')),
  puma: behavior,
  sidekiq: behavior,
  streamingServer: behavior,
  faults,
}).map(({ puma, sidekiq, streamingServer, ...others }) => ({
  ...others,
  behaviors: { puma, sidekiq, streaming: streamingServer },
}));
export type Scenario = Generated<typeof scenarios>;

/** The children of the dyno. All of them run all the time, except streaming on demand. */
export function childrenOf({ role, hasSidekiq, streaming }: Scenario): readonly ChildName[] {
  if (role === 'worker') return ['sidekiq'];
  return CHILD_NAMES.filter((name) => name === 'puma' || (name === 'sidekiq' ? hasSidekiq : streaming !== 'none'));
}

/** Whether the router listens in front of puma and streaming. */
export function isRouted({ role, hasRouter, streaming }: Scenario): boolean {
  return role === 'web' && (hasRouter || streaming !== 'none');
}
