import type { ChildChanged } from '../commands.ts';
import type { ForwardedSignal } from '../host.ts';
import type { LogEvent } from '../log/events.ts';
import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import type {
  Children,
  ChildState,
  Demand,
  Effect,
  EventOf,
  Incarnation,
  IncarnationAt,
  ProcessState,
  Running,
  Timer,
  Transition,
} from './state.ts';

type Starting = Extract<ProcessState, { state: 'starting' }>;

/** What runs on demand has no work to finish, and the requests that wait for its next start wait for its exit as well. */
const MAX_ON_DEMAND_STOP_MS = 5000;
/** A child that is not ready by then is assumed to be. */
export const READY_TIMEOUT_MS = 60_000;
/** A restarted child that is not ready by then is a crash. Boots on a busy dyno were seen to take a minute. */
export const RESTART_TIMEOUT_MS = 180_000;

/** The children that have a process. */
export function living(children: Children): ChildName[] {
  const without: readonly string[] = ['pending', 'stopped', 'exited', 'cleaning-up'];
  return [...children].filter(([, { process }]) => !without.includes(process.state)).map(([name]) => name);
}

export function processOf({ children }: { children: Children }, name: ChildName): ProcessState | undefined {
  return children.get(name)?.process;
}

/** null for a child that does not run on demand. */
export function demandOf({ children }: { children: Children }, name: ChildName): Demand | null {
  return children.get(name)?.demand ?? null;
}

export function withProcess<S extends { children: Children }>(state: S, name: ChildName, process: ProcessState): S {
  return withChild(state, name, { process });
}

/** Changes nothing for a child that does not run on demand. */
export function withDemand<S extends { children: Children }>(state: S, name: ChildName, change: Partial<Demand>): S {
  const demand = demandOf(state, name);
  return demand === null ? state : withChild(state, name, { demand: { ...demand, ...change } });
}

export function withChild<S extends { children: Children }>(state: S, name: ChildName, change: Partial<ChildState>): S {
  const child = state.children.get(name);
  if (child === undefined) return state;
  return { ...state, children: new Map(state.children).set(name, { ...child, ...change }) };
}

/** One event for each child whose visible state differs from `before`; for every child if `before` is null. */
export function changes(before: Children | null, after: Children): ChildChanged[] {
  const seen = (child: ChildName, { process }: ChildState): ChildChanged => {
    const readiness = process.state === 'ready' ? process.readiness : null;
    return { type: 'child-changed', child, state: process.state, readiness };
  };
  return [...after].flatMap(([name, child]) => {
    const previous = before?.get(name);
    const [old, event] = [previous && seen(name, previous), seen(name, child)];
    return old?.state === event.state && old.readiness === event.readiness ? [] : [event];
  });
}

/** The state after the exit of a child's process, and the log line. killedByUs: SIGKILL went to everything. */
export function withExit<S extends { children: Children }>(
  state: S,
  { child, status, atMs }: EventOf<'child-exited'>,
  killedByUs = processOf(state, child)?.state === 'killing',
): { state: S; startedAtMs: number; logged: Effect } {
  const startedAtMs = startOf(state, child) ?? atMs;
  return {
    state: withProcess(state, child, { state: 'exited', startedAtMs, status, killedByUs }),
    startedAtMs,
    logged: log({ event: 'exited', child, status, afterMs: atMs - startedAtMs, killedByUs }),
  };
}

export function startOf(state: { children: Children }, name: ChildName): number | null {
  const process = processOf(state, name);
  return process !== undefined && 'startedAtMs' in process ? process.startedAtMs : null;
}

export function specOf(plan: ServePlan, name: ChildName): ChildSpec | undefined {
  return plan.children.find((child) => child.name === name);
}

/** How long a child without connections runs on, in milliseconds; null for one that does not run on demand. */
export function idleMsOf(spec: ChildSpec | undefined): number | null {
  const start = spec?.start;
  return typeof start === 'object' && 'onDemand' in start ? start.onDemand.idleMs : null;
}

/** From the SIGTERM of a child to its SIGKILL while the dyno runs on, and from its exit to the SIGKILL of what it left behind. */
function killAfterMs(plan: ServePlan, name: ChildName): number {
  const { killAfterMs: forDyno } = plan.stop;
  return idleMsOf(specOf(plan, name)) === null ? forDyno : Math.min(forDyno, MAX_ON_DEMAND_STOP_MS);
}

/** Each start of a child but the first goes through this function. */
export function start(
  state: Running,
  child: ChildName,
  onTimeout: Starting['onTimeout'],
  atMs: number,
): Transition<Running> {
  return [
    withProcess(state, child, { state: 'starting', startedAtMs: atMs, onTimeout }),
    ...startEffects(child, atMs, onTimeout),
  ];
}

export function startEffects(child: ChildName, startedAtMs: number, onTimeout: Starting['onTimeout']): Effect[] {
  const timeoutMs = onTimeout === 'fail' ? RESTART_TIMEOUT_MS : READY_TIMEOUT_MS;
  const timeout = schedule({ timer: 'ready-timeout', child, startedAtMs, atMs: startedAtMs + timeoutMs });
  return [{ type: 'spawn', child }, timeout];
}

/** SIGTERM for one child while the dyno runs on, and SIGKILL if that does not end it. */
export function terminateChild(
  state: Running,
  { child, startedAtMs, atMs }: IncarnationAt,
  plan: ServePlan,
  effects: readonly Effect[],
): Transition<Running> {
  return [
    withProcess(state, child, { state: 'stopping', startedAtMs }),
    { type: 'scan' },
    ...terminate(child),
    schedule({ timer: 'stop-timeout', child, startedAtMs, atMs: atMs + killAfterMs(plan, child) }),
    ...effects,
  ];
}

/** SIGTERM. A process that is stopped (SIGSTOP) handles it only once it continues. */
export function terminate(child: ChildName): Effect[] {
  return [
    { type: 'signal', child, signal: 'SIGTERM' },
    { type: 'signal', child, signal: 'SIGCONT' },
  ];
}

export function stopTimeout(state: Running, incarnation: Incarnation): Transition {
  const { child } = incarnation;
  if (processOf(state, child)?.state !== 'stopping') return [state];
  return killChild(state, incarnation, log({ event: 'killing', children: [child] }));
}

export function killChild(state: Running, { child, startedAtMs }: Incarnation, logged: Effect): Transition {
  return [withProcess(state, child, { state: 'killing', startedAtMs }), { type: 'kill', scope: { child } }, logged];
}

/** The child exited and the dyno runs on: what it left behind is ended first, in as long a time as the child itself had. */
export function cleanUp(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition<Running> {
  const { child, atMs } = event;
  const { startedAtMs, logged } = withExit(state, event);
  return [
    withProcess(state, child, { state: 'cleaning-up', startedAtMs, leftovers: 'stopping' }),
    logged,
    { type: 'reap', scope: { child }, killAtMs: atMs + killAfterMs(plan, child) },
  ];
}

/** A signal for one kind of child, not for the dyno. Before their handlers are set, USR1 and USR2 end puma, and TTIN and TSTP stop
 * sidekiq for good: a child that still starts gets none. */
export function forward(state: { children: Children }, signal: ForwardedSignal, plan: ServePlan): Effect {
  const children = [...state.children]
    .filter(([, { process }]) => process.state === 'ready' || process.state === 'quieting')
    .map(([name]) => name)
    .filter((name) => specOf(plan, name)?.forwardedSignals.includes(signal));
  return { type: 'forward-signal', children, signal };
}

export function log(event: LogEvent): Effect {
  return { type: 'log', event };
}

export function schedule(timer: Timer): Effect {
  return { type: 'schedule', timer };
}
