import type { ChildName, ServePlan } from '../plan/spec.ts';
import { FAILURES_AT_MOST } from './cause.ts';
import { noted } from './on-demand.ts';
import { end } from './recycling.ts';
import { clear } from './returning.ts';
import { crash, stop } from './stopping.ts';
import type { Demand, Effect, EventOf, Incarnation, Phase, Step } from './state.ts';

type Running = Phase<'running'>;
type Pause = Omit<Demand, 'failures'>;

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** What was up, and lived so long, falls as if for the first time. */
const STEADY_AFTER_MS = 60_000;

/** A child that runs on demand ended unasked, with any status: it starts again when it is wanted, after a pause. */
export function fall(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Step {
  const { child, atMs } = event;
  const failures = failuresOf(state, child);
  if (failures >= FAILURES_AT_MOST) return crash(state, event, plan, failures);
  const pause = pauseOf(state, child, atMs);
  return [...clear(noted(state, child, { ...pause, failures }), event, plan), ...fell(child, pause, atMs, null)];
}

/** It is not ready in time: it is asked to end, and has failed as if it had ended by itself. */
export function tooLate(state: Running, event: EventOf<'boot-over'>, plan: ServePlan): Step {
  const { child, startedAtMs, atMs } = event;
  const failures = failuresOf(state, child);
  if (failures >= FAILURES_AT_MOST) {
    return stop(state.children, { kind: 'never-up', child, afterMs: atMs - startedAtMs }, atMs, plan);
  }
  const pause = pauseOf(state, child, atMs);
  return end(noted(state, child, { ...pause, failures }), event, plan, fell(child, pause, atMs, atMs - startedAtMs));
}

/** Put to rest because memory is short. Its pauses grow as if it had fallen, so that it is not started and ended in turn. */
export function restForMemory(
  state: Running,
  { child, startedAtMs, why, atMs }: Incarnation & { why: string; atMs: number },
  plan: ServePlan,
): Step {
  const pause = pauseOf(state, child, atMs);
  const told = { do: 'tell', fact: { fact: 'resting', child, why } } as const;
  return end(noted(state, child, pause), { child, startedAtMs, atMs }, plan, [told, whenOver(child, pause)]);
}

/** In a row, with this one. */
function failuresOf({ children, demands }: Running, child: ChildName): number {
  return children.get(child)?.is === 'up' ? 0 : (demands.get(child)?.failures ?? 0) + 1;
}

/** Nobody wants it any more: who does asks again. */
function pauseOf({ children, demands }: Running, child: ChildName, atMs: number): Pause {
  const now = children.get(child);
  const isSteady = now?.is === 'up' && atMs - now.startedAtMs >= STEADY_AFTER_MS;
  const falls = isSteady ? 1 : (demands.get(child)?.falls ?? 0) + 1;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (falls - 1));
  return { idleSinceMs: atMs, falls, notBeforeMs: atMs + pauseMs };
}

function fell(child: ChildName, pause: Pause, atMs: number, notReadyAfterMs: number | null): Effect[] {
  const pauseMs = pause.notBeforeMs - atMs;
  return [{ do: 'tell', fact: { fact: 'fell', child, pauseMs, notReadyAfterMs } }, whenOver(child, pause)];
}

function whenOver(child: ChildName, { notBeforeMs }: Pause): Effect {
  return { do: 'schedule', event: { type: 'pause-over', child, atMs: notBeforeMs } };
}
