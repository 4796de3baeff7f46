import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import {
  idleMsOf,
  log,
  processOf,
  READY_TIMEOUT_MS,
  schedule,
  specOf,
  start,
  startEffects,
  withChild,
  withDemand,
  withProcess,
} from './children.ts';
import { failedStart } from './on-demand.ts';
import type { ChildState, Demand, Effect, EventOf, Incarnation, IncarnationAt, Running, Transition } from './state.ts';
import { stop } from './stop.ts';

const NO_DEMAND: Demand = { idleSinceMs: 0, failedStarts: 0, backoffLevel: 0, notBeforeMs: 0 };

/** The start of a dyno. */
export function begin(plan: ServePlan, atMs: number): Transition {
  const children = new Map(plan.children.map((spec) => [spec.name, initialChild(spec, atMs)]));
  const effects = plan.children.flatMap(({ name, start: when }): Effect[] => {
    if (when === 'at-once') return startEffects(name, atMs, 'assume-ready');
    if ('onDemand' in when) return [];
    return [schedule({ timer: 'dependency-timeout', child: name, atMs: atMs + when.timeoutMs })];
  });
  return [{ phase: 'running', children, restartedAtMs: null, memoryPressure: null }, ...effects];
}

function initialChild(spec: ChildSpec, atMs: number): ChildState {
  const rest = { wasReady: false, isDraining: false };
  if (idleMsOf(spec) !== null) return { process: { state: 'stopped' }, demand: NO_DEMAND, ...rest };
  if (spec.start !== 'at-once') return { process: { state: 'pending' }, demand: null, ...rest };
  return { process: { state: 'starting', startedAtMs: atMs, onTimeout: 'assume-ready' }, demand: null, ...rest };
}

/** A child is ready: the children that depend on it start. */
export function ready(state: Running, { child, atMs }: EventOf<'child-ready'>, plan: ServePlan): Transition {
  const process = processOf(state, child);
  if (process?.state !== 'starting' && process?.state !== 'ready') return [state];
  const { startedAtMs } = process;
  let next = withDemand(state, child, { failedStarts: 0 });
  next = withChild(next, child, { process: { state: 'ready', startedAtMs, readiness: 'observed' }, wasReady: true });
  const effects = [
    log({ event: 'ready', child, afterMs: atMs - startedAtMs }),
    ...(process.state === 'starting' ? scheduleRestart(plan, { child, startedAtMs }, atMs) : []),
  ];
  for (const { name, start: when } of plan.children) {
    const depends = typeof when === 'object' && 'afterReady' in when && when.afterReady === child;
    if (!depends || processOf(next, name)?.state !== 'pending') continue;
    const [started, ...more] = start(next, name, 'assume-ready', atMs);
    next = started;
    effects.push(...more);
  }
  return [next, ...effects];
}

/** The child that it depends on is not ready in time: it starts all the same. */
export function dependencyTimeout(
  state: Running,
  { child, atMs }: { child: ChildName; atMs: number },
  plan: ServePlan,
): Transition {
  const when = specOf(plan, child)?.start;
  if (processOf(state, child)?.state !== 'pending') return [state];
  if (when === undefined || when === 'at-once' || 'onDemand' in when) return [state];
  const [next, ...effects] = start(state, child, 'assume-ready', atMs);
  const logged = log({ event: 'dependency-timeout', child, dependency: when.afterReady, afterMs: when.timeoutMs });
  return [next, logged, ...effects];
}

/** The child is not ready in time. */
export function readyTimeout(state: Running, timer: IncarnationAt, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  const process = processOf(state, child);
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
  const process = processOf(state, child);
  if (process?.state !== 'starting' || process.onTimeout === 'assume-ready') return [state];
  const { startedAtMs } = process;
  if (process.onTimeout === 'back-off') return assumeReady(state, { child, startedAtMs, atMs }, plan);
  return [
    withProcess(state, child, { ...process, onTimeout: 'assume-ready' }),
    schedule({ timer: 'ready-timeout', child, startedAtMs, atMs: startedAtMs + READY_TIMEOUT_MS }),
  ];
}

function assumeReady(state: Running, { child, startedAtMs, atMs }: IncarnationAt, plan: ServePlan): Transition {
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
