import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import { idleMsOf, schedule, withProcess } from './children.ts';
import type { ChildState, Demand, Effect, Incarnation, ProcessState, Running, Transition } from './state.ts';

type Starting = Extract<ProcessState, { state: 'starting' }>;

/** A child that is not ready by then is assumed to be. */
export const READY_TIMEOUT_MS = 60_000;
/** A restarted child that is not ready by then is a crash. Boots on a busy dyno were seen to take a minute. */
export const RESTART_TIMEOUT_MS = 180_000;

const NO_DEMAND: Demand = { idleSinceMs: 0, failedStarts: 0, backoffLevel: 0, notBeforeMs: 0 };

/** The start of a dyno. */
export function begin(plan: ServePlan, atMs: number): Transition {
  const children = new Map(plan.children.map((spec) => [spec.name, initialChild(spec, atMs)]));
  const effects = plan.children.flatMap(({ name, start }): Effect[] => {
    if (start === 'at-once') return startEffects(name, atMs, 'assume-ready');
    if ('onDemand' in start) return [];
    return [schedule({ timer: 'dependency-timeout', child: name, atMs: atMs + start.timeoutMs })];
  });
  return [{ phase: 'running', children, restartedAtMs: null, memoryPressure: null }, ...effects];
}

function initialChild(spec: ChildSpec, atMs: number): ChildState {
  const isOnDemand = idleMsOf(spec) !== null;
  const process: ProcessState =
    spec.start === 'at-once'
      ? { state: 'starting', startedAtMs: atMs, onTimeout: 'assume-ready' }
      : { state: isOnDemand ? 'stopped' : 'pending' };
  return { process, demand: isOnDemand ? NO_DEMAND : null, wasReady: false, isDraining: false };
}

/** Each start of a child goes through this function. */
export function start(state: Running, child: ChildName, onTimeout: Starting['onTimeout'], atMs: number): Transition {
  const process: Starting = { state: 'starting', startedAtMs: atMs, onTimeout };
  return [withProcess(state, child, process), ...startEffects(child, atMs, onTimeout)];
}

function startEffects(child: ChildName, atMs: number, onTimeout: Starting['onTimeout']): Effect[] {
  const timeoutMs = onTimeout === 'fail' ? RESTART_TIMEOUT_MS : READY_TIMEOUT_MS;
  return [{ type: 'spawn', child }, readyTimeout({ child, startedAtMs: atMs }, timeoutMs)];
}

export function readyTimeout({ child, startedAtMs }: Incarnation, timeoutMs: number): Effect {
  return schedule({ timer: 'ready-timeout', child, startedAtMs, atMs: startedAtMs + timeoutMs });
}

/** What runs on demand starts with `back-off`. A child that was never seen ready need not be after its restart. */
export function restartMode(state: Running, child: ChildName): Starting['onTimeout'] {
  return state.children.get(child)?.wasReady === true ? 'fail' : 'assume-ready';
}
