import type { ServePlan } from '../plan/spec.ts';
import { specOf, start, starting } from './children.ts';
import { scheduleRecycle } from './returning.ts';
import type { EventOf, Phase, Step } from './state.ts';

/** A child is ready: what waited for it starts. */
export function ready(state: Phase<'running'>, event: EventOf<'child-ready'>, plan: ServePlan): Step {
  const child = state.children.get(event.child);
  if (child?.is !== 'starting' && child?.is !== 'returning' && child?.is !== 'up') return [state];
  const children = new Map(state.children).set(event.child, { is: 'up', startedAtMs: child.startedAtMs });
  const followers = plan.children.filter(
    ({ name, start: when }) =>
      when !== 'at-once' &&
      'afterReady' in when &&
      when.afterReady === event.child &&
      state.children.get(name)?.is === 'waiting',
  );
  for (const { name } of followers) children.set(name, starting(event.atMs));
  return [
    { ...state, children },
    { do: 'tell', fact: { fact: 'ready', child: event.child, afterMs: event.atMs - child.startedAtMs } },
    ...scheduleRecycle(plan, event.child, child.startedAtMs, event.atMs),
    ...followers.flatMap(({ name }) => start(name, event.atMs)),
  ];
}

/** What a child waited for is not ready in time: it starts all the same. */
export function startAnyway(state: Phase<'running'>, event: EventOf<'start-over'>, plan: ServePlan): Step {
  const when = specOf(plan, event.child)?.start;
  if (
    state.children.get(event.child)?.is !== 'waiting' ||
    when === undefined ||
    when === 'at-once' ||
    'onDemand' in when
  )
    return [state];
  return [
    { ...state, children: new Map(state.children).set(event.child, starting(event.atMs)) },
    {
      do: 'tell',
      fact: { fact: 'not-waiting', child: event.child, notReady: when.afterReady, afterMs: when.atMostMs },
    },
    ...start(event.child, event.atMs),
  ];
}

/** It was not seen ready, and had the time: it counts as up, for signals and for what is done about memory. */
export function bootOver(state: Phase<'running'>, event: EventOf<'boot-over'>, plan: ServePlan): Step {
  const { child, startedAtMs, atMs } = event;
  const now = state.children.get(child);
  if (now?.is !== 'starting' || now.startedAtMs !== startedAtMs) return [state];
  return [
    { ...state, children: new Map(state.children).set(child, { is: 'up', startedAtMs }) },
    { do: 'tell', fact: { fact: 'taken-as-up', child, afterMs: atMs - startedAtMs } },
    ...scheduleRecycle(plan, child, startedAtMs, atMs),
  ];
}
