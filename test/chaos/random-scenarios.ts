import fc from 'fast-check';
import {
  CHILD_NAMES,
  type Behavior,
  type Fault,
  type JobKind,
  type RealFault,
  type RealRequestKind,
  type RealScenario,
  type Scenario,
  type ScheduledFault,
} from './scenario.ts';

const { constant, constantFrom, nat, record } = fc;

/** The scenario of this number, the same in every run. */
export function randomScenario(seed: number, number: number): Scenario {
  return sample(scenario, seed, number);
}

export function randomRealScenario(seed: number, number: number): RealScenario {
  return sample(realScenario, seed, number);
}

function sample<T>(arbitrary: fc.Arbitrary<T>, seed: number, number: number): T {
  const [value] = fc.sample(arbitrary, { seed: (seed * 1_000_003 + number) | 0, numRuns: 1 });
  if (value === undefined) throw new Error('fast-check gave no sample');
  return value;
}

function weighted<T>(...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

/** Null in all but one of `frequency`. */
function rarely<T>(frequency: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return weighted<T | null>([frequency - 1, constant(null)], [1, arbitrary]);
}

function oneIn(frequency: number): fc.Arbitrary<boolean> {
  return rarely(frequency, constant(true)).map((value) => value ?? false);
}

const readerFault = record({ type: constantFrom('stall-reader', 'resume-reader', 'close-reader') });
const role = constantFrom('web', 'web', 'web', 'worker');

const crashSignal = constantFrom('SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM');
const daemonKind = constantFrom('follow', 'ignore', 'bare', 'double', 'successor', 'loud');
const growthKind = constantFrom('helper', 'self');
const exitsAfterMs = constantFrom(0, 0, 50, 100, 400, 9000);
/** No exit time is close to the deadline at which children are killed, so that its outcome is certain. */
const behavior: fc.Arbitrary<Behavior> = record({
  startupMs: constantFrom(0, 0, 0, 100, 600),
  onTerm: weighted<Behavior['onTerm']>(
    [6, record({ kind: constant('exit'), code: constantFrom(0, 0, 1, 143), afterMs: exitsAfterMs })],
    [3, record({ kind: constant('signal'), afterMs: constantFrom(0, 50, 400) })],
    [2, constant({ kind: 'ignore' })],
  ),
  crash: rarely(
    5,
    fc.oneof(
      record({ kind: constant('exit'), code: constantFrom(0, 0, 1, 3, 143, 255), afterMs: nat(1500) }),
      record({ kind: constant('signal'), signal: crashSignal, afterMs: nat(1500) }),
    ),
  ),
  daemon: rarely(4, record({ kind: daemonKind, afterMs: constantFrom(0, 0, 300, 900) })),
  wrapper: rarely(10, constantFrom('script', 'session')),
  lines: constantFrom(0, 0, 0, 0, 100, 20_000),
  midLinePause: rarely(6, record({ forMs: constantFrom(50, 700, 60_000) })),
  grows: fc.option(record({ kind: growthKind, afterMs: fc.integer({ min: 200, max: 2500 }) }), { freq: 2 }),
});

const stopSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGINT', 'SIGHUP');
const stopTarget = constantFrom('supervisor', 'supervisor', 'all', 'all-supervisor-last');
const child = constantFrom('puma', 'sidekiq', 'streaming');
const signalTarget = constantFrom('puma', 'sidekiq', 'streaming', 'wrapped', 'daemon');
const killTarget = constantFrom(
  ...(['puma', 'sidekiq', 'streaming', 'wrapped', 'daemon', 'daemon', 'helper', 'relay', 'supervisor'] as const),
);
const request = constantFrom('echo', 'slow', 'big', 'post', 'stream', 'upgrade');
const fault = weighted<Fault>(
  [10, record({ type: constant('stop'), signal: stopSignal, target: stopTarget })],
  [4, record({ type: constant('kill'), target: killTarget })],
  [3, record({ type: constant('signal'), signal: stopSignal, target: signalTarget })],
  [3, record({ type: constantFrom('suspend', 'resume'), target: child })],
  [3, readerFault],
  [12, record({ type: constant('request'), request })],
  [1, record({ type: constant('step-clock'), seconds: constantFrom(-86_400, -3, 3, 3600) })],
);

/** At any time, or soon after the fault before: supervisors fail when something happens while something else is under way. */
const faults: fc.Arbitrary<ScheduledFault[]> = fc
  .array(record({ atMs: nat(1600), soonMs: rarely(2, fc.oneof(nat(10), nat(700))), fault }), {
    maxLength: 7,
    size: 'max',
  })
  .map((all) => {
    let lastMs = 0;
    return all.map(({ atMs, soonMs, fault }) => {
      lastMs = soonMs === null ? atMs : lastMs + soonMs;
      return { atMs: lastMs, fault };
    });
  });

const flatScenario = record({
  role,
  hasSidekiq: fc.boolean(),
  hasRouter: fc.boolean(),
  streaming: constantFrom('none', 'none', 'inline', 'on-demand'),
  sidekiqWaits: fc.boolean(),
  hasPrefix: fc.boolean(),
  stdout: constantFrom('pipe', 'socket', 'file'),
  tmp: constantFrom('writable', 'writable', 'writable', 'writable', 'missing', 'full'),
  memory: weighted<Scenario['memory']>([12, constant('off')], [1, constantFrom('act', 'emergency')]),
  isCpuBusy: oneIn(10),
  misconfiguration: rarely(30, constantFrom('invalid-setting', 'command-not-found', 'not-executable', 'port-taken')),
  puma: behavior,
  sidekiq: behavior,
  streamingServer: behavior,
  faults,
});
const scenario: fc.Arbitrary<Scenario> = flatScenario.map(({ puma, sidekiq, streamingServer, ...others }) => ({
  ...others,
  behaviors: { puma, sidekiq, streaming: streamingServer },
}));

const realChild = constantFrom('puma', 'sidekiq');
/** Sidekiq gives a job 3 s to finish; the longest one outlives the whole stop timeout. */
const jobKind: fc.Arbitrary<JobKind> = record({
  durationMs: constantFrom(0, 5, 50, 300, 1000, 2900, 3000, 3100, 15_000),
  lingerMs: constantFrom(0, 0, 0, 1000, 20_000),
});
const realRequestKind: fc.Arbitrary<RealRequestKind> = record({
  durationMs: weighted([30, constantFrom(0, 0, 5, 50, 300, 1000, 2500)], [1, constant(12_000)]),
  sizeBytes: constantFrom(0, 10, 2000, 100_000, 2_000_000),
  isPost: fc.boolean(),
  isChunked: fc.boolean(),
  keepAlive: fc.boolean(),
});

const realStopSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP');
const realStopTarget = fc.boolean().map((isToAll) => (isToAll ? 'all' : 'supervisor'));
const realSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP');
const forwardedSignal = constantFrom('SIGTTIN', 'SIGUSR1', 'SIGUSR2');
const realKillTarget = constantFrom('puma', 'sidekiq', 'supervisor');
const realFault = weighted<RealFault>(
  [8, record({ type: constant('stop'), signal: realStopSignal, target: realStopTarget })],
  [3, record({ type: constant('signal'), signal: forwardedSignal, target: constant('supervisor') })],
  [3, record({ type: constant('signal'), signal: realSignal, target: realChild })],
  [3, record({ type: constant('kill'), target: realKillTarget })],
  [3, record({ type: constantFrom('suspend', 'resume'), target: realChild })],
  [2, readerFault],
  [3, record({ type: constant('restart-redis'), downMs: constantFrom(0, 200, 1000) })],
);

const realScenario: fc.Arbitrary<RealScenario> = record({
  role,
  hasSidekiq: constantFrom(true, true, true, true, false),
  hasRouter: fc.boolean(),
  isRails: nat(7).map((number) => number === 7),
  hasCluster: nat(3).map((number) => number === 3),
  sidekiqWaits: fc.boolean(),
  hasPrefix: nat(2).map((number) => number === 2),
  isCpuBusy: nat(9).map((number) => number === 9),
  jobs: record({
    everyMs: constantFrom(40, 100, 300),
    kinds: fc.array(jobKind, { minLength: 1, maxLength: 6 }),
  }),
  requests: record({
    everyMs: constantFrom(20, 60, 200),
    kinds: fc.array(realRequestKind, { minLength: 1, maxLength: 6 }),
  }),
  faults: fc.array(record({ atMs: fc.noBias(nat(3500)), fault: realFault }), { maxLength: 5, size: 'max' }),
});

/** The simplest value of each property. */
const SIMPLEST: { readonly [property: string]: unknown } = {
  ...{ isCpuBusy: false, hasPrefix: false, memory: 'off', tmp: 'writable', streaming: 'none', hasRouter: false },
  ...{
    hasSidekiq: false,
    sidekiqWaits: false,
    misconfiguration: null,
    stdout: 'file',
    isRails: false,
    hasCluster: false,
  },
  ...{
    startupMs: 0,
    onTerm: { kind: 'exit', code: 0, afterMs: 0 },
    crash: null,
    daemon: null,
    wrapper: null,
    lines: 0,
  },
  ...{ midLinePause: null, grows: null },
};

export function simplerScenarios(scenario: Scenario): Scenario[] {
  const { behaviors } = scenario;
  const withSimplerChild = CHILD_NAMES.flatMap((child) =>
    withOneSimplest(behaviors[child]).map((behavior) => ({
      ...scenario,
      behaviors: { ...behaviors, [child]: behavior },
    })),
  );
  return [...withFewerFaults(scenario), ...withOneSimplest(scenario), ...withSimplerChild];
}

export function simplerRealScenarios(scenario: RealScenario): RealScenario[] {
  return [...withFewerFaults(scenario), ...withOneSimplest(scenario)];
}

/** Halves first, then all but one. */
export function withFewerFaults<S extends { faults: readonly unknown[] }>(scenario: S): S[] {
  const { faults } = scenario;
  const half = Math.ceil(faults.length / 2);
  const halves = faults.length > 3 ? [faults.slice(0, half), faults.slice(half)] : [];
  const without = faults.map((_, index) => faults.filter((__, other) => other !== index));
  return [...halves, ...without].map((fewer) => ({ ...scenario, faults: fewer }));
}

function withOneSimplest<T extends object>(value: T): T[] {
  const isSimpler = ([name, simplest]: [string, unknown]): boolean =>
    name in value && JSON.stringify(value[name as keyof T]) !== JSON.stringify(simplest);
  return Object.entries(SIMPLEST)
    .filter(isSimpler)
    .map(([name, simplest]) => ({ ...value, [name]: simplest }));
}
