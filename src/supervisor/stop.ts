import type { Leftovers } from '../host.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { forward, living, log, processOf, schedule, terminate, withChild, withExit } from './children.ts';
import { describeCause } from './outcome.ts';
import type {
  Cause,
  ChildExited,
  Deadlines,
  Effect,
  EventOf,
  Running,
  Stopping,
  Terminating,
  Transition,
} from './state.ts';

/** From the SIGTERM of a child that still starts to its second one. */
const RESEND_TERM_AFTER_MS = 1000;
/** A platform that signals every process of the dyno lets a child exit before our own SIGTERM arrives. Even a SIGTERM that was sent
 * first arrives later where another thread of Node takes it, as while the main one starts a child, and waits for a CPU: on a busy
 * machine by some tenths of a second. */
const BROADCAST_WINDOW_MS = 1000;

/** The first reason to stop: SIGTERM to every child that lives, at the same time, unless the router still serves with it; and the
 * deadlines. */
export function stop(
  state: Running,
  cause: Cause,
  atMs: number,
  plan: ServePlan,
  first: readonly Effect[] = [],
): Transition {
  const { killAfterMs, exitAfterMs } = plan.stop;
  const deadlines = { stopAtMs: atMs, killAtMs: atMs + killAfterMs, exitAtMs: atMs + exitAfterMs };
  const alive = living(state.children);
  const starting = alive.filter((name) => processOf(state, name)?.state === 'starting');
  const draining = childrenToDrain(state, cause, plan);
  const stopping: Terminating = {
    phase: 'stopping',
    step: 'terminating',
    children: new Map([...state.children].map(([name, child]) => [name, { ...child, isDraining: draining.has(name) }])),
    cause,
    deadlines,
    leftovers: { ended: [], killed: [] },
  };
  const effects: Effect[] = [
    { type: 'publish', event: { type: 'dyno-stopping' } },
    { type: 'scan' },
    ...alive.filter((name) => !draining.has(name)).flatMap(terminate),
    ...[...draining].map(([child, ms]) => schedule({ timer: 'drain-timeout', child, atMs: atMs + ms })),
    ...starting.map((child) => schedule({ timer: 'resend-term', child, atMs: atMs + RESEND_TERM_AFTER_MS })),
    schedule({ timer: 'kill-deadline', atMs: deadlines.killAtMs }),
    schedule({ timer: 'exit-deadline', atMs: deadlines.exitAtMs }),
    ...(mayBeBroadcast(cause)
      ? [schedule({ timer: 'broadcast-window-closed', atMs: broadcastWindowEnd(deadlines) })]
      : []),
    ...first,
    ...(cause.kind === 'child-exited' ? reapOf(stopping, cause.child, atMs) : []),
    log({ event: 'stopping', reason: describeCause(cause), children: alive, killAfterMs }),
  ];
  return settle(stopping, { atMs }, effects);
}

/** A child exited without being asked to, and the dyno stops. */
export function crash(state: Running, event: EventOf<'child-exited'>, plan: ServePlan, failedStarts = 0): Transition {
  const { child, status, atMs } = event;
  const exited = withExit(state, event);
  const cause: Cause = { kind: 'child-exited', child, status, startedAtMs: exited.startedAtMs, atMs, failedStarts };
  return stop(exited.state, cause, atMs, plan, [exited.logged]);
}

/** The children whose SIGTERM waits until the router has no request in flight to them, and for how long at most. A child that is not
 * ready serves none. Where memory is short, the requests that a child has begun must do. */
function childrenToDrain(state: Running, cause: Cause, plan: ServePlan): ReadonlyMap<ChildName, number> {
  if (cause.kind === 'memory') return new Map();
  return new Map(
    plan.children.flatMap(({ name, drainMs }) => {
      const isServing = ['ready', 'quieting'].includes(processOf(state, name)?.state ?? '');
      return drainMs !== null && isServing ? [[name, drainMs] as const] : [];
    }),
  );
}

/** No request is in flight to the child any more, or its time is over: the SIGTERM that has waited for that, once. */
export function drained(state: Terminating, { child }: { child: ChildName }): Transition {
  if (state.children.get(child)?.isDraining !== true) return [state];
  return [withChild(state, child, { isDraining: false }), ...terminate(child)];
}

/** A process that boots may lose a SIGTERM, as a plain `ruby -e 'sleep 4'` (3.1) does now and then 30 to 50 ms after its exec, and
 * would then take jobs. To puma and sidekiq a second one makes no difference (test/real). */
export function resendTerm(state: Terminating, { child }: { child: ChildName }): Transition {
  return [state, ...(living(state.children).includes(child) ? terminate(child) : [])];
}

export function signalWhileTerminating(
  state: Terminating,
  { signal, atMs }: EventOf<'signal'>,
  plan: ServePlan,
): Transition {
  const { cause, deadlines } = state;
  if (signal === 'SIGTTIN') return [state, forward(state, signal, plan)];
  if (signal !== 'SIGTERM' || !mayBeBroadcast(cause) || atMs > broadcastWindowEnd(deadlines)) return [state];
  const logged = log({ event: 'broadcast', child: cause.child, afterMs: atMs - cause.atMs });
  return settle({ ...state, cause: { kind: 'signal', signal } }, { atMs }, [logged]);
}

export function exitedWhileTerminating(state: Terminating, event: EventOf<'child-exited'>): Transition {
  const exited = withExit(state, event);
  const next = withChild(exited.state, event.child, { isDraining: false });
  return settle(next, event, [exited.logged, ...reapOf(next, event.child, event.atMs)]);
}

/** What a child left behind may be all its work, behind a start script. It gets its SIGTERM at once, and not when the last child has
 * exited and the cause is settled, which is when everything is reaped. */
function reapOf(state: Terminating, child: ChildName, atMs: number): Effect[] {
  const isReapedNext = living(state.children).length === 0 && !isBroadcastWindowOpen(state, atMs);
  return isReapedNext ? [] : [{ type: 'reap', scope: { child }, killAtMs: state.deadlines.killAtMs }];
}

/** On to the reaping once no child lives and the cause can no longer turn out to be the platform's SIGTERM. */
export function settle(state: Terminating, { atMs }: { atMs: number }, effects: readonly Effect[] = []): Transition {
  return isBroadcastWindowOpen(state, atMs) ? [state, ...effects] : reapOnceAllExited(state, effects);
}

/** An exit as SIGTERM causes it. It was asked for if our own SIGTERM arrives within the window. */
function mayBeBroadcast(cause: Cause): cause is ChildExited {
  if (cause.kind !== 'child-exited') return false;
  const { status } = cause;
  if (status.kind === 'signaled') return status.signal === 'SIGTERM';
  return status.kind === 'exited' && (status.code === 0 || status.code === 143);
}

function isBroadcastWindowOpen({ cause, deadlines }: Terminating, atMs: number): boolean {
  return mayBeBroadcast(cause) && atMs < broadcastWindowEnd(deadlines);
}

/** A third of the time for children is left, however short that is, for what outlived them. */
function broadcastWindowEnd({ stopAtMs, killAtMs }: Deadlines): number {
  return stopAtMs + Math.min(BROADCAST_WINDOW_MS, Math.floor((2 / 3) * (killAtMs - stopAtMs)));
}

/** SIGKILL for everything. */
export function killEverything(state: Terminating): Transition {
  return reapOnceAllExited({ ...state, step: 'killing' }, [
    { type: 'kill', scope: 'all' },
    log({ event: 'killing', children: living(state.children) }),
  ]);
}

/** Once no child lives: what the children left behind is next. After a SIGKILL for everything, it gets no time. */
function reapOnceAllExited(state: Stopping<'terminating' | 'killing'>, effects: readonly Effect[]): Transition {
  const { children, deadlines, step } = state;
  if (living(children).length > 0) return [state, ...effects];
  const killAtMs = step === 'killing' ? deadlines.stopAtMs : deadlines.killAtMs;
  return [{ ...state, step: 'reaping' }, ...effects, { type: 'reap', scope: 'all', killAtMs }];
}

export function exitedWhileKilling(state: Stopping<'killing'>, event: EventOf<'child-exited'>): Transition {
  const { state: next, logged } = withExit(state, event, true);
  return reapOnceAllExited(next, [logged]);
}

/** What the children left behind gets no more time. */
export function interruptReaping(state: Stopping<'reaping'>, { atMs }: EventOf<'second-interrupt'>): Transition {
  return [state, { type: 'reap', scope: 'all', killAtMs: atMs }];
}

/** Leftovers have ended: those of one child, or those that SIGKILL has reached. In step `reaping` it may be those of all children. */
export function reapedWhileStopping(state: Stopping, { scope, leftovers }: EventOf<'reaped'>): Transition {
  const { step } = state;
  if (scope === 'all' && step !== 'reaping') return [state];
  const next = { ...state, leftovers: joined(state.leftovers, leftovers) };
  return [scope === 'all' ? { ...next, phase: 'done' } : next];
}

/** The time is over: this process exits before the platform kills it, even if a process cannot be ended. */
export function exitNow(state: Stopping): Transition {
  const alive = living(state.children);
  const escaped = alive.length > 0 ? [] : ['a process that escaped'];
  return [
    { ...state, phase: 'done', leftovers: joined(state.leftovers, { ended: [], killed: escaped }) },
    log({ event: 'unkillable', children: [...alive, ...escaped] }),
  ];
}

/** Several reports may name the same process. */
function joined(some: Leftovers, more: Leftovers): Leftovers {
  const killed = [...new Set([...some.killed, ...more.killed])];
  const ended = [...new Set([...some.ended, ...more.ended])].filter((process) => !killed.includes(process));
  return { ended, killed };
}
