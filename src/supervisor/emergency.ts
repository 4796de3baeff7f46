import type { EmergencyRestart } from '../commands.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { stopForMemory } from './backoff.ts';
import { log, specOf, withProcess } from './children.ts';
import { runningIncarnation } from './on-demand.ts';
import { obstacleToAny } from './restart.ts';
import type { Effect, EventOf, Incarnation, ProcessState, Running, Transition } from './state.ts';
import { stop } from './stop.ts';
import { killChild, terminateChild } from './stop-child.ts';

type Emergency = EmergencyRestart & { atMs: number };

/** The last resort before the platform kills the dyno. A child that already gives memory back is hurried; else a child is restarted
 * at once; else one that runs on demand is stopped, before a child behind the router is restarted; else the dyno stops, where
 * that can help. */
export function restartInEmergency(state: Running, event: Emergency, plan: ServePlan): Transition {
  const { reason, atMs } = event;
  const leaving = [...state.children].find(([, { process }]) => GIVING_BACK.includes(process.state));
  if (leaving !== undefined) return hurry(state, [leaving[0], leaving[1].process], event, plan);
  const child = restartable(state, event, plan);
  const spare = onDemandIncarnation(state);
  if (spare !== null && (child === null || child.isBehindRouter)) {
    return stopForMemory(state, { ...spare, reason, atMs }, plan);
  }
  if (child === null && event.lastResort === 'none') return [state];
  if (child === null) return stop(state, { kind: 'memory', reason }, atMs, plan);
  return terminateChild({ ...state, restartedAtMs: atMs }, { ...child, atMs }, plan, [logged(child.child, reason)]);
}

type Restartable = Incarnation & { isBehindRouter: boolean };

/** The named child, if it can be started again. It may still be starting: whether it is ready may not have been observed, and the
 * time between two restarts keeps it from being restarted in a loop. */
function restartable(state: Running, { child, atMs }: Emergency, plan: ServePlan): Restartable | null {
  if (child === null) return null;
  const method = specOf(plan, child)?.memory.restart;
  const process = state.children.get(child)?.process;
  if (!method || (process?.state !== 'ready' && process?.state !== 'starting')) return null;
  if (obstacleToAny(state, atMs) !== null) return null;
  return { child, startedAtMs: process.startedAtMs, isBehindRouter: method.quietSignal === null };
}

function onDemandIncarnation(state: Running): Incarnation | null {
  const onDemand = [...state.children].filter(([, { demand }]) => demand !== null);
  return onDemand.map(([name]) => runningIncarnation(state, name)).find((one) => one !== null) ?? null;
}

const GIVING_BACK: readonly string[] = ['quieting', 'stopping', 'killing', 'cleaning-up'];

/** Whatever child was named: the one that stops gives memory back first. */
function hurry(
  state: Running,
  [child, process]: [ChildName, ProcessState],
  { reason, immediate, atMs }: Emergency,
  plan: ServePlan,
): Transition {
  if (process.state === 'cleaning-up') {
    const { leftovers } = process;
    if (leftovers === 'killing' || !immediate) return [state];
    // What it left behind may hold as much as it did.
    const next = withProcess(state, child, { ...process, leftovers: 'killing' });
    return [next, { type: 'kill', scope: { child } }, logged(child, reason, true)];
  }
  if (process.state !== 'quieting' && process.state !== 'stopping') return [state];
  const incarnation = { child, startedAtMs: process.startedAtMs };
  if (immediate) return killChild(state, incarnation, logged(child, reason, true));
  if (process.state === 'stopping') return [state];
  return terminateChild(state, { ...incarnation, atMs }, plan, [logged(child, reason)]);
}

function logged(child: ChildName, reason: string, killed = false): Effect {
  return log({ event: 'emergency-restart', child, reason, killed });
}

/** A helper, or a worker of puma. */
export function endProcess({ id, name, killAfterMs, reason }: EventOf<'end-process'>): Effect[] {
  return [
    { type: 'end-process', id, killAfterMs },
    log({ event: 'terminating', process: `${name} (pid ${id.pid})`, reason, killAfterMs }),
  ];
}

/** While the dyno stops, a helper may be what makes the platform kill the children that still drain. A worker drains with them. */
export function endProcessWhileStopping(event: EventOf<'end-process'>): Effect[] {
  return event.killAfterMs === null ? [] : endProcess(event);
}
