import type { ChildName, ServePlan } from '../plan/spec.ts';
import {
  cleanUp,
  demandOf,
  idleMsOf,
  log,
  processOf,
  schedule,
  specOf,
  start,
  terminateChild,
  withDemand,
} from './children.ts';
import type { Effect, EventOf, Incarnation, IncarnationAt, Running, Transition } from './state.ts';
import { crash, stop } from './stop.ts';

type ChildAt = { child: ChildName; atMs: number };

/** A child on demand that does not become ready so often in a row is a crash of the dyno. */
const MAX_FAILED_STARTS = 3;
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;
/** A child that was ready and ran so long starts again as after its first crash. */
const STABLE_AFTER_MS = 60_000;

/** There is a request for the child: it starts, unless it runs or still stops, memory is short, or it crashed just now. A denial
 * is for all requests that wait for it. */
export function demandStarted(state: Running, { child, atMs }: EventOf<'demand-started'>, plan: ServePlan): Transition {
  if (demandOf(state, child) === null) return [state];
  const { memoryPressure: reason } = state;
  if (reason === null || runningIncarnation(state, child) !== null) {
    return startIfAllowed(withDemand(state, child, { idleSinceMs: null }), { child, atMs }, plan);
  }
  return [
    endDemand(state, { child, atMs }),
    log({ event: 'start-denied', child, reason }),
    { type: 'publish', event: { type: 'start-denied', child, reason } },
  ];
}

/** The idle time counts from the first moment without a demand. */
export function endDemand(state: Running, { child, atMs }: ChildAt): Running {
  return withDemand(state, child, { idleSinceMs: demandOf(state, child)?.idleSinceMs ?? atMs });
}

function startIfAllowed(state: Running, { child, atMs }: ChildAt, plan: ServePlan): Transition {
  if (!mayStart(state, { child, atMs })) return [state];
  const [next, ...effects] = start(state, child, 'back-off', atMs);
  const idleMs = idleMsOf(specOf(plan, child)) ?? 0;
  return [next, ...effects, schedule({ timer: 'idle-timeout', child, startedAtMs: atMs, atMs: atMs + idleMs })];
}

/** The child may start again. It does not start by itself: the memory that there was at the request says nothing any more. A
 * request that still waits asks again. */
export function startableIfDemanded(state: Running, { child, atMs }: ChildAt): Transition {
  if (demandOf(state, child)?.idleSinceMs !== null || !mayStart(state, { child, atMs })) return [state];
  // The pause is over for good, although the clock of the next request may be a moment behind that of the timer.
  const startable = withDemand(state, child, { notBeforeMs: 0 });
  return [
    endDemand(startable, { child, atMs }),
    log({ event: 'startable', child }),
    { type: 'publish', event: { type: 'startable', child } },
  ];
}

/** Its process exited with all that came from it, and its pause is over. */
function mayStart(state: Running, { child, atMs }: ChildAt): boolean {
  return processOf(state, child)?.state === 'stopped' && atMs >= (demandOf(state, child)?.notBeforeMs ?? Infinity);
}

/** One timer for each incarnation, set again until there was no demand for long enough: one for each connection that closes would
 * be thousands. It stops a child that still starts, too. */
export function idleTimeout(state: Running, timer: IncarnationAt, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  const demand = demandOf(state, child);
  const idleMs = idleMsOf(specOf(plan, child)) ?? 0;
  if (demand === null || runningIncarnation(state, child) === null) return [state];
  const dueAtMs = (demand.idleSinceMs ?? atMs) + idleMs;
  if (demand.idleSinceMs === null || atMs < dueAtMs) {
    return [state, schedule({ timer: 'idle-timeout', child, startedAtMs, atMs: dueAtMs })];
  }
  const next = withDemand(state, child, { backoffLevel: 0 });
  return terminateChild(next, timer, plan, [log({ event: 'idle-stopped', child, idleMs })]);
}

/** A child that runs and was not told to stop; null for any other. */
export function runningIncarnation(state: Running, child: ChildName): Incarnation | null {
  const process = processOf(state, child);
  const isRunning = process?.state === 'starting' || process?.state === 'ready';
  return isRunning ? { child, startedAtMs: process.startedAtMs } : null;
}

/** A child on demand exited without being asked to, with any status: it can start again after a pause. */
export function crashedOnDemand(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition {
  const { child, atMs } = event;
  const failedStarts = failedStartsOf(state, child);
  if (failedStarts >= MAX_FAILED_STARTS) return crash(state, event, plan, failedStarts);
  const [next, pauseMs, timer] = backOff(state, child, atMs);
  const [cleaning, ...effects] = cleanUp(withDemand(next, child, { failedStarts }), event, plan);
  return [cleaning, ...effects, log({ event: 'backing-off', child, pauseMs, notReadyAfterMs: null }), timer];
}

/** A child on demand is not ready in time. It is stopped, as if its start had crashed. */
export function failedStart(state: Running, timer: IncarnationAt, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  const failedStarts = failedStartsOf(state, child);
  const afterMs = atMs - startedAtMs;
  if (failedStarts >= MAX_FAILED_STARTS) {
    return stop(state, { kind: 'not-ready', child, afterMs, failedStarts }, atMs, plan);
  }
  const [next, pauseMs, backoff] = backOff(state, child, atMs);
  const logged = log({ event: 'backing-off', child, pauseMs, notReadyAfterMs: afterMs });
  return terminateChild(withDemand(next, child, { failedStarts }), timer, plan, [logged, backoff]);
}

/** Stopped because memory is short. Its pauses grow as after a crash, so that it is not started and stopped in turn. */
export function stopForMemory(
  state: Running,
  { reason, ...incarnation }: IncarnationAt & { reason: string },
  plan: ServePlan,
): Transition {
  const { child, atMs } = incarnation;
  const [next, , backoff] = backOff(state, child, atMs);
  return terminateChild(next, incarnation, plan, [log({ event: 'stopped-for-memory', child, reason }), backoff]);
}

/** In a row, with this one. */
function failedStartsOf(state: Running, name: ChildName): number {
  return processOf(state, name)?.state === 'ready' ? 0 : (demandOf(state, name)?.failedStarts ?? 0) + 1;
}

/** The demand ends with it: a request that still waits asks again. */
function backOff(state: Running, child: ChildName, atMs: number): readonly [Running, pauseMs: number, timer: Effect] {
  const process = processOf(state, child);
  const isStable = process?.state === 'ready' && atMs - process.startedAtMs >= STABLE_AFTER_MS;
  const backoffLevel = isStable ? 1 : (demandOf(state, child)?.backoffLevel ?? 0) + 1;
  const pauseMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (backoffLevel - 1));
  const notBeforeMs = atMs + pauseMs;
  return [
    withDemand(state, child, { idleSinceMs: atMs, backoffLevel, notBeforeMs }),
    pauseMs,
    schedule({ timer: 'backoff-expired', child, atMs: notBeforeMs }),
  ];
}
