import type { ChildName, ServePlan } from '../plan/spec.ts';
import { restart, underWay, whyNot } from './recycling.ts';
import { stop } from './stopping.ts';
import type { Effect, EventOf, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** The last measure before the platform's own: who is being recycled is hurried; else a child is restarted at once; else the
 * dyno stops in good order. */
export function save(state: Running, event: EventOf<'save'>, plan: ServePlan): Step {
  const { child, why, atOnce, atMs } = event;
  const under = underWay(state.children);
  const its = under === null ? undefined : state.children.get(under);
  if (under !== null && (its?.is === 'quiet' || its?.is === 'restarting')) {
    if (atOnce) return [state, { do: 'kill-tree', child: under }, tellSaving(under, why, true)];
    if (its.is === 'restarting') return [state];
    return restart(state, { child: under, startedAtMs: its.startedAtMs, atMs }, plan, [tellSaving(under, why)]);
  }
  const now = child === null ? undefined : state.children.get(child);
  if (child === null || now?.is !== 'up' || whyNot(state, child, atMs) !== null) {
    return stop(state.children, { kind: 'memory', why }, atMs, plan);
  }
  const since = { ...state, recycledAtMs: atMs };
  return restart(since, { child, startedAtMs: now.startedAtMs, atMs }, plan, [tellSaving(child, why)]);
}

function tellSaving(child: ChildName, why: string, killed = false): Effect {
  return { do: 'tell', fact: { fact: 'saving', child, why, killed } };
}
