import type { ChildName, ServePlan } from '../plan/spec.ts';
import { failedStart } from './backoff.ts';
import { log, schedule, specOf, withChild, withDemand, withProcess } from './children.ts';
import { READY_TIMEOUT_MS, readyTimeout, start } from './start.ts';
import type { Effect, EventOf, Incarnation, Running, Transition } from './state.ts';
import { stop } from './stop.ts';

/** A child is ready: the children that depend on it start. */
export function ready(state: Running, { child, atMs }: EventOf<'child-ready'>, plan: ServePlan): Transition {
  const process = state.children.get(child)?.process;
  if (process?.state !== 'starting' && process?.state !== 'ready') return [state];
  const { startedAtMs } = process;
  const isFirst = process.state === 'starting';
  let next = withChild(state, child, {
    process: { state: 'ready', startedAtMs, readiness: 'observed' },
    wasReady: true,
  });
  next = withDemand(next, child, { failedStarts: 0 });
  const effects = [
    log({ event: 'ready', child, afterMs: atMs - startedAtMs }),
    ...(isFirst ? scheduleRestart(plan, { child, startedAtMs }, atMs) : []),
  ];
  for (const dependent of dependents(plan, child)) {
    if (next.children.get(dependent)?.process.state !== 'pending') continue;
    const [started, ...more] = start(next, dependent, 'assume-ready', atMs);
    next = started as Running;
    effects.push(...more);
  }
  return [next, ...effects];
}

function dependents(plan: ServePlan, child: ChildName): ChildName[] {
  return plan.children
    .filter(({ start }) => start !== 'at-once' && 'afterReady' in start && start.afterReady === child)
    .map(({ name }) => name);
}

/** The child that it depends on is not ready in time: it starts all the same. */
export function dependencyTimeout(state: Running, child: ChildName, atMs: number, plan: ServePlan): Transition {
  const when = specOf(plan, child)?.start;
  if (state.children.get(child)?.process.state !== 'pending') return [state];
  if (when === undefined || when === 'at-once' || 'onDemand' in when) return [state];
  const [next, ...effects] = start(state, child, 'assume-ready', atMs);
  const logged = log({ event: 'dependency-timeout', child, dependency: when.afterReady, afterMs: when.timeoutMs });
  return [next, logged, ...effects];
}

/** The child is not ready in time. */
export function readyTimeoutOver(state: Running, timer: Incarnation & { atMs: number }, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  const process = state.children.get(child)?.process;
  if (process?.state !== 'starting') return [state];
  switch (process.onTimeout) {
    case 'assume-ready':
      return assumeReady(state, timer, plan);
    case 'back-off':
      return failedStart(state, timer, plan);
    case 'fail':
      return stop(state, { kind: 'not-ready', child, afterMs: atMs - startedAtMs, failedStarts: 0 }, atMs, plan);
  }
}

/** Nothing waits for a child whose readiness cannot be observed, and its restart needs not make it ready again. */
export function readinessUnknown(
  state: Running,
  { child, atMs }: EventOf<'readiness-unknown'>,
  plan: ServePlan,
): Transition {
  const process = state.children.get(child)?.process;
  if (process?.state !== 'starting') return [state];
  const incarnation = { child, startedAtMs: process.startedAtMs };
  if (process.onTimeout === 'back-off') return assumeReady(state, { ...incarnation, atMs }, plan);
  if (process.onTimeout === 'assume-ready') return [state];
  const next = withProcess(state, child, { ...process, onTimeout: 'assume-ready' });
  return [next, readyTimeout(incarnation, READY_TIMEOUT_MS)];
}

function assumeReady(
  state: Running,
  { child, startedAtMs, atMs }: Incarnation & { atMs: number },
  plan: ServePlan,
): Transition {
  const next = withProcess(state, child, { state: 'ready', startedAtMs, readiness: 'assumed' });
  return [
    withDemand(next, child, { failedStarts: 0 }),
    log({ event: 'assumed-ready', child, afterMs: atMs - startedAtMs }),
    ...scheduleRestart(plan, { child, startedAtMs }, atMs),
  ];
}

/** SUPERVISE_RECYCLE_EVERY counts from the readiness of the child. */
function scheduleRestart(plan: ServePlan, incarnation: Incarnation, atMs: number): Effect[] {
  const everyMs = specOf(plan, incarnation.child)?.memory.restart?.everyMs ?? null;
  return everyMs === null ? [] : [schedule({ timer: 'restart-due', ...incarnation, atMs: atMs + everyMs })];
}
