import type { ChildName, RestartMethod, ServePlan } from '../plan/spec.ts';
import { log, schedule, specOf, withProcess } from './children.ts';
import { startableIfDemanded } from './on-demand.ts';
import { restartMode, start } from './start.ts';
import { terminateChild } from './stop-child.ts';
import type { Effect, EventOf, Incarnation, Running, Transition } from './state.ts';

/** From the begin of one restart to the begin of the next, of any child. A dyno that needs more has another problem, and each
 * restart costs a boot of sidekiq. */
export const MIN_RESTART_INTERVAL_MS = 600_000;

/** The steps of a restart: no new work until the child is idle or its time is over; SIGTERM; SIGKILL if that does not end it; the
 * end of what it left behind; and its start. */
export function restartGracefully(
  state: Running,
  { child, reason, atMs }: { child: ChildName; reason: string; atMs: number },
  plan: ServePlan,
): Transition {
  const method = specOf(plan, child)?.memory.restart;
  const obstacle = obstacleTo(state, child, atMs);
  if (!method || obstacle !== null) return [state, postponed(child, obstacle ?? 'it cannot be restarted')];
  return quiet(state, { child, method, reason, atMs });
}

/** SUPERVISE_RECYCLE_EVERY has passed. The restart is postponed, not left out. */
export function restartDue(state: Running, timer: Incarnation & { atMs: number }, plan: ServePlan): Transition {
  const { child, startedAtMs, atMs } = timer;
  const method = specOf(plan, child)?.memory.restart;
  if (!method || state.children.get(child)?.process.state !== 'ready') return [state];
  const obstacle = obstacleTo(state, child, atMs);
  if (obstacle === null) return quiet(state, { child, method, reason: 'it has run long enough', atMs });
  const again = schedule({ timer: 'restart-due', child, startedAtMs, atMs: atMs + MIN_RESTART_INTERVAL_MS });
  return [state, again, postponed(child, obstacle)];
}

type Quieting = { child: ChildName; method: RestartMethod; reason: string; atMs: number };

function quiet(state: Running, { child, method, reason, atMs }: Quieting): Transition {
  const process = state.children.get(child)?.process;
  if (process?.state !== 'ready') return [state];
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

/** A quieting child is idle, or its time is over. */
export function quietOver(
  state: Running,
  { child, atMs }: { child: ChildName; atMs: number },
  isIdle: boolean,
  plan: ServePlan,
): Transition {
  const process = state.children.get(child)?.process;
  if (process?.state !== 'quieting') return [state];
  const incarnation = { child, startedAtMs: process.startedAtMs, atMs };
  return terminateChild(state, incarnation, plan, [log({ event: 'restarting', child, idle: isIdle })]);
}

/** Nothing of the child is left: it starts again, or can be started on demand. */
export function reaped(state: Running, { scope, leftovers, atMs }: EventOf<'reaped'>): Transition {
  if (typeof scope === 'string' || state.children.get(scope.child)?.process.state !== 'cleaning-up') return [state];
  const { child } = scope;
  const logged = [
    ...leftovers.ended.map((process) => log({ event: 'leftover', process, how: 'ended' })),
    ...leftovers.killed.map((process) => log({ event: 'leftover', process, how: 'killed' })),
  ];
  const [next, ...effects] =
    state.children.get(child)?.demand === null
      ? start(state, child, restartMode(state, child), atMs)
      : startableIfDemanded(withProcess(state, child, { state: 'stopped' }), { child, atMs });
  return [next, ...logged, ...effects];
}

function obstacleTo(state: Running, child: ChildName, atMs: number): string | null {
  return state.children.get(child)?.process.state === 'ready' ? obstacleToAny(state, atMs) : 'it is not ready';
}

/** Why no child may be restarted now: one at a time, and not too often. */
export function obstacleToAny(state: Running, atMs: number): string | null {
  const { restartedAtMs } = state;
  const restarting = restartingChild(state);
  if (restarting !== null) return `${restarting} is being restarted`;
  const isRecent = restartedAtMs !== null && atMs - restartedAtMs < MIN_RESTART_INTERVAL_MS;
  return isRecent ? 'the last restart was less than 10 minutes ago' : null;
}

const RESTARTING: readonly string[] = ['quieting', 'stopping', 'killing', 'cleaning-up'];

/** What runs on demand does not count: it stops soon. */
function restartingChild({ children }: Running): ChildName | null {
  const found = [...children].find(([, { process, demand }]) => {
    const isBack = process.state === 'starting' && process.onTimeout === 'fail';
    return demand === null && (isBack || RESTARTING.includes(process.state));
  });
  return found?.[0] ?? null;
}

function postponed(child: ChildName, reason: string): Effect {
  return log({ event: 'restart-postponed', child, reason });
}
