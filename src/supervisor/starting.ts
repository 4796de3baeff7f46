import type { ServePlan } from '../plan/spec.ts';
import { specOf, starting } from './children.ts';
import { scheduleRecycle } from './returning.ts';
import type { Effect, EventOf, Phase, Step } from './state.ts';

/** A child is ready: what waited for it starts. */
export function ready(state: Phase<'running'>, event: EventOf<'child-ready'>, plan: ServePlan): Step {
  const child = state.children.get(event.child);
  if (child?.is !== 'starting' && child?.is !== 'returning') return [state];
  const children = new Map(state.children).set(event.child, { is: 'up', startedAtMs: child.startedAtMs });
  const followers = plan.children.filter(
    ({ name, start }) =>
      start !== 'at-once' && start.afterReady === event.child && state.children.get(name)?.is === 'waiting',
  );
  for (const { name } of followers) children.set(name, starting(event.atMs));
  return [
    { ...state, children },
    { do: 'tell', fact: { fact: 'ready', child: event.child, afterMs: event.atMs - child.startedAtMs } },
    ...scheduleRecycle(plan, event.child, child.startedAtMs, event.atMs),
    ...followers.map(({ name }): Effect => ({ do: 'spawn', child: name })),
  ];
}

/** What a child waited for is not ready in time: it starts all the same. */
export function startAnyway(state: Phase<'running'>, event: EventOf<'start-over'>, plan: ServePlan): Step {
  const start = specOf(plan, event.child)?.start;
  if (state.children.get(event.child)?.is !== 'waiting' || start === undefined || start === 'at-once') return [state];
  return [
    { ...state, children: new Map(state.children).set(event.child, starting(event.atMs)) },
    {
      do: 'tell',
      fact: { fact: 'not-waiting', child: event.child, notReady: start.afterReady, afterMs: start.atMostMs },
    },
    { do: 'spawn', child: event.child },
  ];
}
