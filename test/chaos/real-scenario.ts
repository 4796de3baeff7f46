import fc from 'fast-check';
import { readerFault, role, weighted, type Generated } from './scenario.ts';

const { constant, constantFrom, nat, record } = fc;

/** True in one of this many. */
function oneIn(count: number): fc.Arbitrary<boolean> {
  return nat(count - 1).map((number) => number === count - 1);
}

/** Sidekiq gives a job 3 s to finish; the longest one outlives the whole stop timeout. */
const jobKind = record({
  durationMs: constantFrom(0, 5, 50, 300, 1000, 2900, 3000, 3100, 15_000),
  /** For how long the job goes on after sidekiq has interrupted it. */
  lingerMs: constantFrom(0, 0, 0, 1000, 20_000),
});
const requestKind = record({
  durationMs: weighted([30, constantFrom(0, 0, 5, 50, 300, 1000, 2500)], [1, constant(12_000)]),
  sizeBytes: constantFrom(0, 10, 2000, 100_000, 2_000_000),
  isPost: fc.boolean(),
  isChunked: fc.boolean(),
  keepAlive: fc.boolean(),
});
export type RealRequestKind = Generated<typeof requestKind>;

export type RealChild = 'puma' | 'sidekiq';
const child = constantFrom('puma', 'sidekiq');
const stopSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP');
const stopTarget = fc.boolean().map((isToAll) => (isToAll ? 'all' : 'supervisor'));
const childSignal = constantFrom('SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP');
const forwardedSignal = constantFrom('SIGTTIN', 'SIGUSR1', 'SIGUSR2');
const killTarget = constantFrom('puma', 'sidekiq', 'supervisor');
const fault = weighted(
  [8, record({ type: constant('stop'), signal: stopSignal, target: stopTarget })],
  [3, record({ type: constant('signal'), signal: forwardedSignal, target: constant('supervisor') })],
  [3, record({ type: constant('signal'), signal: childSignal, target: child })],
  [3, record({ type: constant('kill'), target: killTarget })],
  [3, record({ type: constantFrom('suspend', 'resume'), target: child })],
  [2, readerFault],
  [3, record({ type: constant('restart-redis'), downMs: constantFrom(0, 200, 1000) })],
);
export type RealFault = Generated<typeof fault>;

/** A run with the real puma, sidekiq and Redis: the load they have all the time, and which faults are injected when. */
export const realScenarios = record({
  role,
  /** Of a web dyno. */
  hasSidekiq: constantFrom(true, true, true, true, false),
  hasRouter: fc.boolean(),
  /** Rails, which boots slowly, instead of a small Rack app. */
  isRails: oneIn(8),
  /** A master and a worker of puma instead of one process. */
  hasCluster: oneIn(4),
  sidekiqWaits: fc.boolean(),
  hasPrefix: oneIn(3),
  isCpuBusy: oneIn(10),
  /** The kinds follow one another in turn for as long as the dyno lives. */
  jobs: record({
    everyMs: constantFrom(40, 100, 300),
    kinds: fc.array(jobKind, { minLength: 1, maxLength: 6 }),
  }),
  requests: record({
    everyMs: constantFrom(20, 60, 200),
    kinds: fc.array(requestKind, { minLength: 1, maxLength: 6 }),
  }),
  faults: fc.array(record({ atMs: fc.noShrink(fc.noBias(nat(3500))), fault }), { maxLength: 5, size: 'max' }),
});
export type RealScenario = Generated<typeof realScenarios>;

export function runsChild({ role, hasSidekiq }: RealScenario, child: RealChild): boolean {
  return child === 'puma' ? role === 'web' : role === 'worker' || hasSidekiq;
}

export function reaches(fault: RealFault, child: RealChild): boolean {
  return 'target' in fault && (fault.target === child || fault.target === 'all');
}
