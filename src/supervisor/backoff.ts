import type { ChildName, ServePlan } from '../plan/spec.ts';
import { log, schedule, withDemand } from './children.ts';

import type { Effect, EventOf, Incarnation, Running, Transition } from './state.ts';
import { crash, stop } from './stop.ts';
import { cleanUp, terminateChild } from './stop-child.ts';

/** A child on demand that does not become ready so often in a row is a crash of the dyno. */
const MAX_FAILED_STARTS = 3;
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;
/** A child that was ready and ran so long starts again as after its first crash. */
const STABLE_AFTER_MS = 60_000;

/** A child on demand exited without being asked to, with any status: it can start again after a pause. */
export function crashedOnDemand(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition {
  const { child, atMs } = event;
  const failedStarts = failedStartsOf(state, child);
  if (failedStarts >= MAX_FAILED_STARTS) return crash(state, event, plan, failedStarts);
  const [next, pauseMs] = backOff(state, child, atMs);
  const [cleaning, ...effects] = cleanUp(withDemand(next, child, { failedStarts }), event, plan);
  return [cleaning, ...effects, ...backingOff(child, pauseMs, atMs, null)];
}

/** A child on demand is not ready in time. It is stopped, as if its start had crashed. */
export function failedStart(
  state: Running,
  { child, startedAtMs, atMs }: Incarnation & { atMs: number },
  plan: ServePlan,
): Transition {
  const failedStarts = failedStartsOf(state, child);
  const afterMs = atMs - startedAtMs;
  if (failedStarts >= MAX_FAILED_STARTS) {
    return stop(state, { kind: 'not-ready', child, afterMs, failedStarts }, atMs, plan);
  }
  const [next, pauseMs] = backOff(state, child, atMs);
  const failed = withDemand(next, child, { failedStarts });
  const logged = backingOff(child, pauseMs, atMs, afterMs);
  return terminateChild(failed, { child, startedAtMs, atMs }, plan, logged);
}

/** Stopped because memory is short. Its pauses grow as after a crash, so that it is not started and stopped in turn. */
export function stopForMemory(
  state: Running,
  { child, startedAtMs, reason, atMs }: Incarnation & { reason: string; atMs: number },
  plan: ServePlan,
): Transition {
  const [next, pauseMs] = backOff(state, child, atMs);
  const effects = [log({ event: 'stopped-for-memory', child, reason }), backoffTimer(child, atMs + pauseMs)];
  return terminateChild(next, { child, startedAtMs, atMs }, plan, effects);
}

/** In a row, with this one. */
function failedStartsOf({ children }: Running, name: ChildName): number {
  const child = children.get(name);
  return child?.process.state === 'ready' ? 0 : (child?.demand?.failedStarts ?? 0) + 1;
}

/** The demand ends with it: a request that still waits asks again. */
function backOff(state: Running, name: ChildName, atMs: number): readonly [Running, number] {
  const child = state.children.get(name);
  const isStable = child?.process.state === 'ready' && atMs - child.process.startedAtMs >= STABLE_AFTER_MS;
  const backoffLevel = isStable ? 1 : (child?.demand?.backoffLevel ?? 0) + 1;
  const pauseMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (backoffLevel - 1));
  return [withDemand(state, name, { idleSinceMs: atMs, backoffLevel, notBeforeMs: atMs + pauseMs }), pauseMs];
}

function backingOff(child: ChildName, pauseMs: number, atMs: number, notReadyAfterMs: number | null): Effect[] {
  return [log({ event: 'backing-off', child, pauseMs, notReadyAfterMs }), backoffTimer(child, atMs + pauseMs)];
}

function backoffTimer(child: ChildName, atMs: number): Effect {
  return schedule({ timer: 'backoff-expired', child, atMs });
}
