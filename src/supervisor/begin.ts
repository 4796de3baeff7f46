import type { ChildSpec, ServePlan } from '../plan/spec.ts';
import { idleMsOf, start, starting } from './children.ts';
import type { ChildState, Demand, Effect, Step } from './state.ts';

const NOT_WANTED: Demand = { idleSinceMs: 0, failures: 0, falls: 0, notBeforeMs: 0 };

/** The start of a dyno. */
export function begin(plan: ServePlan, atMs: number): Step {
  const children = new Map(plan.children.map((spec) => [spec.name, firstOf(spec, atMs)]));
  const onDemand = plan.children.filter((spec) => idleMsOf(spec) !== null);
  const demands = new Map(onDemand.map(({ name }) => [name, NOT_WANTED]));
  const effects = plan.children.flatMap(({ name, start: when }): Effect[] => {
    if (when === 'at-once') return start(name, atMs);
    if ('onDemand' in when) return [];
    return [{ do: 'schedule', event: { type: 'start-over', child: name, atMs: atMs + when.atMostMs } }];
  });
  return [{ phase: 'running', children, recycledAtMs: null, demands, seenReady: new Set() }, ...effects];
}

function firstOf({ start: when }: ChildSpec, atMs: number): ChildState {
  if (when === 'at-once') return starting(atMs);
  return { is: 'onDemand' in when ? 'down' : 'waiting' };
}
