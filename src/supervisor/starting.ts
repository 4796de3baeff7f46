import type { ServePlan } from '../plan/spec.ts';
import { specOf, start, starting } from './children.ts';
import { tooLate } from './falling.ts';
import { noted } from './on-demand.ts';
import { isNow } from './recycling.ts';
import { scheduleRecycle } from './returning.ts';
import type { EventOf, Incarnation, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** A child is ready: what waited for it starts. */
export function ready(state: Running, event: EventOf<'child-ready'>, plan: ServePlan): Step {
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
  const seenReady = new Set(state.seenReady).add(event.child);
  return [
    noted({ ...state, children, seenReady }, event.child, { failures: 0 }),
    { do: 'tell', fact: { fact: 'ready', child: event.child, afterMs: event.atMs - child.startedAtMs } },
    ...scheduleRecycle(plan, event.child, child.startedAtMs, event.atMs),
    ...followers.flatMap(({ name }) => start(name, event.atMs)),
  ];
}

/** What a child waited for is not ready in time: it starts all the same. */
export function startAnyway(state: Running, event: EventOf<'start-over'>, plan: ServePlan): Step {
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

/** It was not seen ready, and had the time: it counts as up, for signals and for what is done about memory. Not so on demand,
 * where somebody waits for it. */
export function bootOver(state: Running, event: EventOf<'boot-over'>, plan: ServePlan): Step {
  if (isNow(state, event)?.is !== 'starting') return [state];
  return state.demands.has(event.child) ? tooLate(state, event, plan) : takeAsUp(state, event, plan);
}

/** Whether it comes up cannot be seen: nobody waits for that. */
export function unwatched(state: Running, { child, atMs }: EventOf<'unwatched'>, plan: ServePlan): Step {
  const now = state.children.get(child);
  if (now?.is === 'starting' && state.demands.has(child)) {
    return takeAsUp(state, { child, startedAtMs: now.startedAtMs, atMs }, plan);
  }
  if (now?.is !== 'returning') return [state];
  return [{ ...state, children: new Map(state.children).set(child, { ...now, is: 'starting' }) }];
}

function takeAsUp(state: Running, { child, startedAtMs, atMs }: Incarnation & { atMs: number }, plan: ServePlan): Step {
  return [
    noted({ ...state, children: new Map(state.children).set(child, { is: 'up', startedAtMs }) }, child, {
      failures: 0,
    }),
    { do: 'tell', fact: { fact: 'taken-as-up', child, afterMs: atMs - startedAtMs } },
    ...scheduleRecycle(plan, child, startedAtMs, atMs),
  ];
}
