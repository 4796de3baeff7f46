import type { ChildName, ServePlan } from '../plan/spec.ts';
import type { Cause } from './cause.ts';
import type { Children, Effect, Phase, Step } from './state.ts';

/** TERM. A stopped (SIGSTOP) child hears it only when it goes on. */
export function terminate(children: readonly ChildName[]): Effect[] {
  const each = (signal: NodeJS.Signals): Effect[] => children.map((child) => ({ do: 'signal', child, signal }));
  return [...each('SIGTERM'), ...each('SIGCONT')];
}

/** Who gets no TERM yet when the dyno stops, and for how long at most: the router still brings requests that it has taken. What is not up serves
 * none, and where memory is short the requests that a child has begun must do. */
export function whoDrains(children: Children, cause: Cause, plan: ServePlan): ReadonlyMap<ChildName, number> {
  if (cause.kind === 'memory') return new Map();
  return new Map(
    plan.children.flatMap(({ name, drainMs }) => {
      const is = children.get(name)?.is;
      return drainMs !== null && (is === 'up' || is === 'quiet') ? [[name, drainMs] as const] : [];
    }),
  );
}

/** No request is in flight to it any more, or it had the time: the TERM that it has waited for, once. */
export function drained(state: Phase<'stopping'>, { child }: { child: ChildName }): Step {
  if (!state.draining.includes(child)) return [state];
  return [without(state, child), ...terminate([child])];
}

export function without(state: Phase<'stopping'>, child: ChildName): Phase<'stopping'> {
  return { ...state, draining: state.draining.filter((name) => name !== child) };
}
