import type { ServePlan } from '../plan/spec.ts';
import { killAfterMs, log, schedule, terminate, withExit, withProcess } from './children.ts';
import type { Effect, EventOf, Incarnation, Running, Transition } from './state.ts';

/** SIGTERM for one child while the dyno runs on, and SIGKILL if that does not end it. */
export function terminateChild(
  state: Running,
  { child, startedAtMs, atMs }: Incarnation & { atMs: number },
  plan: ServePlan,
  effects: readonly Effect[],
): Transition {
  return [
    withProcess(state, child, { state: 'stopping', startedAtMs }),
    { type: 'scan' },
    ...terminate(child),
    schedule({ timer: 'stop-timeout', child, startedAtMs, atMs: atMs + killAfterMs(plan, child) }),
    ...effects,
  ];
}

export function stopTimeout(state: Running, incarnation: Incarnation): Transition {
  if (state.children.get(incarnation.child)?.process.state !== 'stopping') return [state];
  return killChild(state, incarnation, log({ event: 'killing', children: [incarnation.child] }));
}

export function killChild(state: Running, { child, startedAtMs }: Incarnation, logged: Effect): Transition {
  return [withProcess(state, child, { state: 'killing', startedAtMs }), { type: 'kill', scope: { child } }, logged];
}

/** The child exited and the dyno runs on: what it left behind is ended first, in as long a time as the child itself had. */
export function cleanUp(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition {
  const { child, atMs } = event;
  const { startedAtMs, logged } = withExit(state, event);
  return [
    withProcess(state, child, { state: 'cleaning-up', startedAtMs, leftovers: 'stopping' }),
    logged,
    { type: 'reap', scope: { child }, killAtMs: atMs + killAfterMs(plan, child) },
  ];
}
