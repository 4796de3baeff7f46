import type { ChildName, ServePlan } from '../plan/spec.ts';
import { specOf } from './children.ts';
import { killOne, restart, underWay, whyNot } from './recycling.ts';
import { stop } from './stopping.ts';
import type { ChildState, Effect, EventOf, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** The last measure before the platform's own: who is being recycled is hurried; else a child is restarted at once; else the
 * dyno stops in good order. */
export function save(state: Running, event: EventOf<'save'>, plan: ServePlan): Step {
  const { child, why, atMs } = event;
  const under = underWay(state.children);
  const its = under === null ? undefined : state.children.get(under);
  if (under !== null && its !== undefined && its.is !== 'returning') return hurry(state, under, its, event, plan);
  const now = child === null ? undefined : state.children.get(child);
  const canRestart = child !== null && specOf(plan, child)?.memory.recycle != null;
  if (!canRestart || now?.is !== 'up' || whyNot(state, child, atMs) !== null) {
    return stop(state.children, { kind: 'memory', why }, atMs, plan);
  }
  const since = { ...state, recycledAtMs: atMs };
  return restart(since, { child, startedAtMs: now.startedAtMs, atMs }, plan, [tellSaving(child, why)]);
}

/** Whoever was named: what is under way gives memory back first. */
function hurry(state: Running, child: ChildName, its: ChildState, event: EventOf<'save'>, plan: ServePlan): Step {
  if (its.is !== 'quiet' && its.is !== 'restarting') return [state];
  const { why, atOnce, atMs } = event;
  const incarnation = { child, startedAtMs: its.startedAtMs };
  if (atOnce) return killOne(state, incarnation, tellSaving(child, why, true));
  return its.is === 'restarting' ? [state] : restart(state, { ...incarnation, atMs }, plan, [tellSaving(child, why)]);
}

function tellSaving(child: ChildName, why: string, killed = false): Effect {
  return { do: 'tell', fact: { fact: 'saving', child, why, killed } };
}
