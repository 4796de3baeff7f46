import { largest, megabytes } from '../units.ts';
import { emergencyAction } from './emergency.ts';
import { endLargestHelper, isHelperEnding, killGrowingHelper } from './end-helper.ts';
import { findWorkers, processKey } from './helper-processes.ts';
import { describeLargest, describeLevel } from './messages.ts';
import {
  type Decision,
  type GrownChild,
  growthOf,
  isOnDemand,
  type Limits,
  type MemoryAction,
  MIN_GAIN_SHARE,
  type PolicyInput,
  type PolicyState,
  TOO_BIG,
} from './policy-state.ts';
import type { Snapshot } from './snapshot.ts';

/** A helper that would take the dyno to the platform's kill within this time, at its present growth, gets no SIGTERM first. It is
 * two of the shortest intervals between samples. */
const KILL_LOOKAHEAD_S = 0.4;
/** So long above `act` with all children ready and no helper: the children do not fit the quota. */
const TOO_BIG_AFTER_MS = 60_000;
/** So far below `act`, in parts of the quota, what was reported once may be reported again. */
const REARM_MARGIN = 0.1;
const AFTER_RESTART_MS = 180_000;
const AFTER_WORKER_MS = 60_000;

/** What follows from one exact reading. */
export function decide(before: PolicyState, input: PolicyInput): readonly [PolicyState, ...MemoryAction[]] {
  const { snapshot, limits } = input;
  const { thresholds } = limits;
  const { totalBytes } = snapshot;
  const [learned, ...fitReports] = learn(before, input);
  const [state, ...warnings] = warn(learned, snapshot, limits);
  const reports = [...warnings, ...fitReports];
  if (isRearmed(totalBytes, limits)) return [{ ...state, gaveUp: false }, ...reports];
  if (totalBytes < thresholds.act) return [state, ...reports];
  const isClose = totalBytes + KILL_LOOKAHEAD_S * snapshot.growth >= thresholds.kill;
  const decision =
    totalBytes >= thresholds.emergency
      ? emergencyAction(state, input)
      : ((isClose ? killGrowingHelper(state, input) : null) ?? act(state, input));
  return decision === null ? [state, ...reports] : [{ ...state, ...decision.changes }, ...reports, decision.action];
}

export function isRearmed(totalBytes: number, { bytes, thresholds }: Limits): boolean {
  return totalBytes < thresholds.act - REARM_MARGIN * bytes;
}

/** That the dyno fits its quota. A quick reading tells that too: its figures are rather too high. */
export function learnFromQuick(state: PolicyState, input: PolicyInput): PolicyState {
  const { snapshot, limits } = input;
  if (state.fit.state === 'fits' || !areAllReady(input)) return state;
  return bytesWithoutHelpers(snapshot) < limits.thresholds.act ? { ...state, fit: { state: 'fits' } } : state;
}

function learn(before: PolicyState, input: PolicyInput): readonly [PolicyState, ...MemoryAction[]] {
  const { snapshot, limits } = input;
  const state = { ...learnFromQuick(before, input), ...updateMinimums(before, input) };
  const { fit } = state;
  if (fit.state !== 'unknown' || !areAllReady(input)) return [state];
  const aboveSinceMs = fit.aboveSinceMs ?? snapshot.atMs;
  if (snapshot.atMs - aboveSinceMs < TOO_BIG_AFTER_MS) return [{ ...state, fit: { ...fit, aboveSinceMs } }];
  const text = `${describeLevel(bytesWithoutHelpers(snapshot), limits.bytes)} ever since all children are ready: ${TOO_BIG}`;
  return [
    { ...state, fit: { state: 'too-big' } },
    { type: 'report', level: 'warn', text },
  ];
}

/** All but the children that run on demand. */
function areAllReady({ ready, specs }: PolicyInput): boolean {
  return specs.every((spec) => isOnDemand(spec) || ready.has(spec.name));
}

/** The least that each ready child and each worker held, and the ending helpers that still live. */
function updateMinimums(
  state: PolicyState,
  { snapshot, ready, specs }: PolicyInput,
): Pick<PolicyState, 'baseline' | 'workers' | 'endingHelpers'> {
  const readyChildren = [...snapshot.children].filter(([child]) => ready.has(child));
  const workers = specs
    .filter((spec) => spec.memory.workers > 0)
    .flatMap(({ name }) => findWorkers(name, snapshot.processes));
  const living = new Set(snapshot.processes.map(processKey));
  const least = (known: ReadonlyMap<string, number>, key: string, bytes: number): [string, number] => {
    return [key, Math.min(bytes, known.get(key) ?? Infinity)];
  };
  return {
    baseline: new Map(readyChildren.map(([child, bytes]) => least(state.baseline, child, bytes))),
    workers: new Map(workers.map((use) => least(state.workers, processKey(use), use.bytes))),
    endingHelpers: new Map([...state.endingHelpers].filter(([key]) => living.has(key))),
  };
}

function bytesWithoutHelpers({ helpers, totalBytes }: Snapshot): number {
  return helpers.reduce((sum, { use }) => sum - use.bytes, totalBytes);
}

function warn(
  state: PolicyState,
  snapshot: Snapshot,
  { bytes, thresholds }: Limits,
): readonly [PolicyState, ...MemoryAction[]] {
  if (snapshot.totalBytes < thresholds.rearm) return [{ ...state, warned: false }];
  if (state.warned || snapshot.totalBytes < thresholds.warn) return [state];
  const text = `${describeLevel(snapshot.totalBytes, bytes)}: largest is ${describeLargest(snapshot)}`;
  return [
    { ...state, warned: true },
    { type: 'report', level: 'warn', text },
  ];
}

/** Above `act`: a large helper is ended; else, in a dyno that is known to fit its quota, a child is restarted gracefully. That needs a
 * baseline: without it nothing tells what a restart would give back. */
function act(state: PolicyState, input: PolicyInput): Decision | null {
  if (isHelperEnding(state, input.snapshot, ['TERM', 'KILL'])) return null;
  return endLargestHelper(state, input) ?? (state.fit.state === 'fits' ? restartGracefully(state, input) : null);
}

/** The sidekiq that grew most; else the worker of puma that did; else a puma behind the router, whose requests are held
 * meanwhile; else only a line in the log. */
function restartGracefully(state: PolicyState, input: PolicyInput): Decision | null {
  if (input.snapshot.atMs < state.nextActionAtMs) return null;
  const { quietable, routed } = growthOf(state, input);
  return (
    restartLargest(quietable, input) ?? endWorker(state, input) ?? restartLargest(routed, input) ?? giveUp(state, input)
  );
}

function restartLargest(grown: readonly GrownChild[], { snapshot, limits }: PolicyInput): Decision | null {
  const child = largest(grown, ({ gain }) => gain);
  if (!child) return null;
  const held = `${child.name}, ${megabytes(child.bytes)}, ${megabytes(child.gain)} more than at rest`;
  const reason = `${describeLevel(snapshot.totalBytes, limits.bytes)}: ${held}`;
  return {
    action: { type: 'restart', mode: 'graceful', child: child.name, reason },
    changes: { nextActionAtMs: snapshot.atMs + AFTER_RESTART_MS },
  };
}

/** The worker that holds most, of those that grew enough beyond their least. */
function endWorker({ workers }: PolicyState, { snapshot, limits }: PolicyInput): Decision | null {
  const grown = snapshot.processes.filter(
    (use) => use.bytes - (workers.get(processKey(use)) ?? use.bytes) >= MIN_GAIN_SHARE * limits.bytes,
  );
  const worker = largest(grown, ({ bytes }) => bytes);
  if (!worker) return null;
  const { pid, started, child, bytes } = worker;
  const held = `${child} worker, ${megabytes(bytes)}, which its master replaces`;
  const reason = `${describeLevel(snapshot.totalBytes, limits.bytes)}: ${held}`;
  return {
    action: { type: 'end-process', id: { pid, started }, name: `${child} worker`, killAfterMs: null, reason },
    changes: { nextActionAtMs: snapshot.atMs + AFTER_WORKER_MS },
  };
}

function giveUp(state: PolicyState, { snapshot, limits }: PolicyInput): Decision | null {
  if (state.gaveUp) return null;
  const level = describeLevel(snapshot.totalBytes, limits.bytes);
  const text = `${level}, and no restart would help: largest is ${describeLargest(snapshot)}. Use fewer threads or a larger dyno`;
  return { action: { type: 'report', level: 'warn', text }, changes: { gaveUp: true } };
}
