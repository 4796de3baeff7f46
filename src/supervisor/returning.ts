import type { ChildName, ServePlan } from '../plan/spec.ts';
import { endOf, specOf } from './children.ts';
import { isNow } from './recycling.ts';
import { stop } from './stopping.ts';
import type { Effect, EventOf, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** A recycled child that is not up by then is a crash. Boots that starve on a busy dyno were seen to take a minute. */
export const RETURN_WITHIN_MS = 180_000;

/** It ended as it was asked to, or a moment before it was: what it leaves goes, and it starts again. Its end is in the log
 * with its status, whatever that was. */
export function startAgain(state: Running, event: EventOf<'child-exited'>): Step {
  const { child, atMs } = event;
  const { told } = endOf(state.children, event);
  return [
    { ...state, children: new Map(state.children).set(child, { is: 'returning', startedAtMs: atMs }) },
    told,
    { do: 'kill-tree', child },
    { do: 'spawn', child },
    { do: 'schedule', event: { type: 'return-over', child, startedAtMs: atMs, atMs: atMs + RETURN_WITHIN_MS } },
  ];
}

export function returnOver(state: Running, event: EventOf<'return-over'>, plan: ServePlan): Step {
  if (isNow(state, event)?.is !== 'returning') return [state];
  return stop(state.children, { kind: 'not-back', child: event.child, afterMs: RETURN_WITHIN_MS }, event.atMs, plan);
}

/** Whether it comes back cannot be seen: nobody waits for it. */
export function unwatched(state: Running, { child }: EventOf<'unwatched'>): Step {
  const now = state.children.get(child);
  if (now?.is !== 'returning') return [state];
  return [{ ...state, children: new Map(state.children).set(child, { ...now, is: 'starting' }) }];
}

/** From its readiness on, when everything of the kind is asked for. */
export function scheduleRecycle(plan: ServePlan, child: ChildName, startedAtMs: number, atMs: number): Effect[] {
  const everyMs = specOf(plan, child)?.memory.recycle?.everyMs ?? null;
  if (everyMs === null) return [];
  return [{ do: 'schedule', event: { type: 'recycle-due', child, startedAtMs, atMs: atMs + everyMs } }];
}
