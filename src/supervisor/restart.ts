import type { EmergencyRestart } from '../commands.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { killChild, log, processOf, schedule, specOf, start, terminateChild, withProcess } from './children.ts';
import { runningIncarnation, startableIfDemanded, stopForMemory } from './on-demand.ts';
import type { Effect, EventOf, Incarnation, IncarnationAt, ProcessState, Running, Transition } from './state.ts';
import { stop } from './stop.ts';

type Emergency = EmergencyRestart & { atMs: number };

/** From the begin of one restart to the begin of the next, of any child. A dyno that needs more has another problem, and each
 * restart costs a boot of sidekiq. */
export const MIN_RESTART_INTERVAL_MS = 600_000;
/** What a child does from the begin of its restart to its next start. It gives memory back. */
const RESTARTING: readonly string[] = ['quieting', 'stopping', 'killing', 'cleaning-up'];

/** The steps of a restart: no new work until the child is idle or its time is over; SIGTERM; SIGKILL if that does not end it; the
 * end of what it left behind; and its start. */
export function restartGracefully(
  state: Running,
  { child, reason, atMs }: { child: ChildName; reason: string; atMs: number },
  plan: ServePlan,
): Transition {
  const method = specOf(plan, child)?.memory.restart;
  const obstacle = obstacleTo(state, child, atMs);
  const process = processOf(state, child);
  if (!method || obstacle !== null || process?.state !== 'ready') {
    return [state, postponed(child, obstacle ?? 'it cannot be restarted')];
  }
  const { startedAtMs } = process;
  const { quietSignal: signal, quietMs } = method;
  const quieting: Effect[] =
    signal === null
      ? []
      : [
          { type: 'signal', child, signal },
          { type: 'watch-idle', child, startedAtMs },
        ];
  return [
    { ...withProcess(state, child, { state: 'quieting', startedAtMs }), restartedAtMs: atMs },
    ...quieting,
    schedule({ timer: 'quiet-timeout', child, startedAtMs, atMs: atMs + quietMs }),
    log({ event: 'graceful-restart', child, reason, quietMs }),
  ];
}

/** SUPERVISE_RECYCLE_EVERY has passed. The restart is postponed, not left out. */
export function restartDue(state: Running, timer: IncarnationAt, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  if (!specOf(plan, child)?.memory.restart || processOf(state, child)?.state !== 'ready') return [state];
  const obstacle = obstacleTo(state, child, atMs);
  if (obstacle === null) return restartGracefully(state, { child, reason: 'it has run long enough', atMs }, plan);
  const again = schedule({ timer: 'restart-due', child, startedAtMs, atMs: atMs + MIN_RESTART_INTERVAL_MS });
  return [state, again, postponed(child, obstacle)];
}

/** A quieting child is idle, or its time is over. */
export function quietOver(
  state: Running,
  { child, atMs }: { child: ChildName; atMs: number },
  isIdle: boolean,
  plan: ServePlan,
): Transition {
  const process = processOf(state, child);
  if (process?.state !== 'quieting') return [state];
  const incarnation = { child, startedAtMs: process.startedAtMs, atMs };
  return terminateChild(state, incarnation, plan, [log({ event: 'restarting', child, idle: isIdle })]);
}

/** Nothing of the child is left: it starts again, or can be started on demand. A child that was never seen ready need not be after its
 * restart. */
export function reaped(state: Running, { scope, leftovers, atMs }: EventOf<'reaped'>): Transition {
  const found = typeof scope === 'string' ? undefined : state.children.get(scope.child);
  if (typeof scope === 'string' || found?.process.state !== 'cleaning-up') return [state];
  const { child } = scope;
  const [next, ...effects] =
    found.demand === null
      ? start(state, child, found.wasReady ? 'fail' : 'assume-ready', atMs)
      : startableIfDemanded(withProcess(state, child, { state: 'stopped' }), { child, atMs });
  return [
    next,
    ...leftovers.ended.map((process) => log({ event: 'leftover', process, how: 'ended' })),
    ...leftovers.killed.map((process) => log({ event: 'leftover', process, how: 'killed' })),
    ...effects,
  ];
}

function obstacleTo(state: Running, child: ChildName, atMs: number): string | null {
  return processOf(state, child)?.state === 'ready' ? obstacleToAny(state, atMs) : 'it is not ready';
}

/** Why no child may be restarted now: one at a time, and not too often. What runs on demand does not count: it stops soon. */
function obstacleToAny({ children, restartedAtMs }: Running, atMs: number): string | null {
  const restarting = [...children].find(([, { process, demand }]) => {
    const isBack = process.state === 'starting' && process.onTimeout === 'fail';
    return demand === null && (isBack || RESTARTING.includes(process.state));
  });
  if (restarting !== undefined) return `${restarting[0]} is being restarted`;
  const isRecent = restartedAtMs !== null && atMs - restartedAtMs < MIN_RESTART_INTERVAL_MS;
  return isRecent ? 'the last restart was less than 10 minutes ago' : null;
}

function postponed(child: ChildName, reason: string): Effect {
  return log({ event: 'restart-postponed', child, reason });
}

/** The last resort before the platform kills the dyno. A child that already gives memory back is hurried; else a child is restarted
 * at once; else one that runs on demand is stopped, before a child behind the router is restarted; else the dyno stops, where
 * that can help. */
export function restartInEmergency(state: Running, event: Emergency, plan: ServePlan): Transition {
  const { reason, atMs } = event;
  const leaving = [...state.children].find(([, { process }]) => RESTARTING.includes(process.state));
  if (leaving !== undefined) return hurry(state, leaving[0], leaving[1].process, event, plan);
  const child = restartable(state, event, plan);
  const onDemand = [...state.children].filter(([, { demand }]) => demand !== null);
  const spare = onDemand.map(([name]) => runningIncarnation(state, name)).find((found) => found !== null);
  if (spare && (child === null || child.isBehindRouter)) return stopForMemory(state, { ...spare, reason, atMs }, plan);
  if (child === null && event.lastResort === 'none') return [state];
  if (child === null) return stop(state, { kind: 'memory', reason }, atMs, plan);
  const { child: name, startedAtMs } = child;
  const logged = emergencyLog(name, reason, false);
  return terminateChild({ ...state, restartedAtMs: atMs }, { child: name, startedAtMs, atMs }, plan, [logged]);
}

/** The named child, if it can be started again. It may still be starting: whether it is ready may not have been observed, and the
 * time between two restarts keeps it from being restarted in a loop. */
function restartable(
  state: Running,
  { child, atMs }: Emergency,
  plan: ServePlan,
): (Incarnation & { isBehindRouter: boolean }) | null {
  const method = child === null ? null : specOf(plan, child)?.memory.restart;
  const running = child === null ? null : runningIncarnation(state, child);
  if (!method || running === null || obstacleToAny(state, atMs) !== null) return null;
  return { ...running, isBehindRouter: method.quietSignal === null };
}

/** Whatever child was named: the one that stops gives memory back first. */
function hurry(
  state: Running,
  child: ChildName,
  process: ProcessState,
  { reason, immediate, atMs }: Emergency,
  plan: ServePlan,
): Transition {
  const logged = emergencyLog(child, reason, immediate);
  if (process.state === 'cleaning-up') {
    const { leftovers } = process;
    if (!immediate || leftovers === 'killing') return [state];
    // What it left behind may hold as much as it did.
    const next = withProcess(state, child, { ...process, leftovers: 'killing' });
    return [next, { type: 'kill', scope: { child } }, logged];
  }
  if (process.state !== 'quieting' && process.state !== 'stopping') return [state];
  const { startedAtMs } = process;
  if (immediate) return killChild(state, { child, startedAtMs }, logged);
  if (process.state === 'stopping') return [state];
  return terminateChild(state, { child, startedAtMs, atMs }, plan, [logged]);
}

function emergencyLog(child: ChildName, reason: string, killed: boolean): Effect {
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
