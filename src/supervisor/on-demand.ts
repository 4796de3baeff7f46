import type { ChildName, ServePlan } from '../plan/spec.ts';
import { idleMsOf, log, schedule, specOf, withDemand } from './children.ts';
import { start } from './start.ts';
import type { Effect, EventOf, Incarnation, Running, Transition } from './state.ts';
import { terminateChild } from './stop-child.ts';

type ChildAt = { child: ChildName; atMs: number };

/** There is a request for the child: it starts, unless it runs or still stops, memory is short, or it crashed just now. A denial
 * is for all requests that wait for it. */
export function demandStarted(state: Running, { child, atMs }: EventOf<'demand-started'>, plan: ServePlan): Transition {
  if ((state.children.get(child)?.demand ?? null) === null) return [state];
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

export function demandEnded(state: Running, event: EventOf<'demand-ended'>): Transition {
  return [endDemand(state, event)];
}

/** The idle time counts from the first moment without a demand. */
function endDemand(state: Running, { child, atMs }: ChildAt): Running {
  return withDemand(state, child, { idleSinceMs: state.children.get(child)?.demand?.idleSinceMs ?? atMs });
}

function startIfAllowed(state: Running, { child, atMs }: ChildAt, plan: ServePlan): Transition {
  if (!mayStart(state, { child, atMs })) return [state];
  const [next, ...effects] = start(state, child, 'back-off', atMs);
  const idleMs = idleMsOf(specOf(plan, child)) ?? 0;
  return [next, ...effects, idleTimer({ child, startedAtMs: atMs }, atMs + idleMs)];
}

/** The child may start again. It does not start by itself: the memory that there was at the request says nothing any more. A
 * request that still waits asks again. */
export function startableIfDemanded(state: Running, { child, atMs }: ChildAt): Transition {
  if (state.children.get(child)?.demand?.idleSinceMs !== null || !mayStart(state, { child, atMs })) return [state];
  // The pause is over for good, although the clock of the next request may be a moment behind that of the timer.
  const startable = withDemand(state, child, { notBeforeMs: 0 });
  return [
    endDemand(startable, { child, atMs }),
    log({ event: 'startable', child }),
    { type: 'publish', event: { type: 'startable', child } },
  ];
}

/** Its process exited with all that came from it, and its pause is over. */
function mayStart({ children }: Running, { child, atMs }: ChildAt): boolean {
  const found = children.get(child);
  return found?.process.state === 'stopped' && atMs >= (found.demand?.notBeforeMs ?? Infinity);
}

/** One timer for each incarnation, set again until there was no demand for long enough: one for each connection that closes would
 * be thousands. It stops a child that still starts, too. */
export function idleTimeout(state: Running, timer: Incarnation & { atMs: number }, plan: ServePlan): Transition {
  const { child, atMs } = timer;
  const demand = state.children.get(child)?.demand ?? null;
  const idleMs = idleMsOf(specOf(plan, child)) ?? 0;
  if (demand === null || runningIncarnation(state, child) === null) return [state];
  const dueAtMs = (demand.idleSinceMs ?? atMs) + idleMs;
  if (demand.idleSinceMs === null || atMs < dueAtMs) return [state, idleTimer(timer, dueAtMs)];
  const next = withDemand(state, child, { backoffLevel: 0 });
  return terminateChild(next, timer, plan, [log({ event: 'idle-stopped', child, idleMs })]);
}

/** A child that runs and was not told to stop; null for any other. */
export function runningIncarnation({ children }: Running, child: ChildName): Incarnation | null {
  const process = children.get(child)?.process;
  const isRunning = process?.state === 'starting' || process?.state === 'ready';
  return isRunning ? { child, startedAtMs: process.startedAtMs } : null;
}

function idleTimer({ child, startedAtMs }: Incarnation, atMs: number): Effect {
  return schedule({ timer: 'idle-timeout', child, startedAtMs, atMs });
}
