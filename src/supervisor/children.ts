import type { ForwardedSignal } from '../host.ts';
import type { LogEvent } from '../log/events.ts';
import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import type { ChildState, Children, Demand, Effect, EventOf, Incarnation, ProcessState, Timer } from './state.ts';

/** What runs on demand has no work to finish, and the requests that wait for its next start wait for its exit as well. */
const MAX_ON_DEMAND_STOP_MS = 5000;

/** The children that have a process. */
export function living(children: Children): ChildName[] {
  return [...children].filter(([, { process }]) => isLiving(process)).map(([name]) => name);
}

function isLiving({ state }: ProcessState): boolean {
  return !['pending', 'stopped', 'exited', 'cleaning-up'].includes(state);
}

export function withProcess<S extends { children: Children }>(state: S, name: ChildName, process: ProcessState): S {
  return withChild(state, name, { process });
}

/** Changes nothing for a child that does not run on demand. */
export function withDemand<S extends { children: Children }>(state: S, name: ChildName, change: Partial<Demand>): S {
  const demand = state.children.get(name)?.demand ?? null;
  return demand === null ? state : withChild(state, name, { demand: { ...demand, ...change } });
}

export function withChild<S extends { children: Children }>(state: S, name: ChildName, change: Partial<ChildState>): S {
  const child = state.children.get(name);
  if (child === undefined) return state;
  return { ...state, children: new Map(state.children).set(name, { ...child, ...change }) };
}

/** The state after the exit of a child's process, and the log line. killedByUs: SIGKILL went to everything. */
export function withExit<S extends { children: Children }>(
  state: S,
  event: EventOf<'child-exited'>,
  killedByUs = state.children.get(event.child)?.process.state === 'killing',
): { state: S; startedAtMs: number; logged: Effect } {
  const { child, status, atMs } = event;
  const startedAtMs = startOf(state.children, child) ?? atMs;
  return {
    state: withProcess(state, child, { state: 'exited', startedAtMs, status, killedByUs }),
    startedAtMs,
    logged: log({ event: 'exited', child, status, afterMs: atMs - startedAtMs, killedByUs }),
  };
}

export function startOf(children: Children, name: ChildName): number | null {
  const process = children.get(name)?.process;
  return process !== undefined && 'startedAtMs' in process ? process.startedAtMs : null;
}

/** Whether the event is about an earlier process of the child than the present one. */
export function isOutdated(children: Children, { child, startedAtMs }: Incarnation): boolean {
  return startOf(children, child) !== startedAtMs;
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
export function killAfterMs(plan: ServePlan, name: ChildName): number {
  const { killAfterMs: forDyno } = plan.stop;
  return idleMsOf(specOf(plan, name)) === null ? forDyno : Math.min(forDyno, MAX_ON_DEMAND_STOP_MS);
}

/** SIGTERM. A process that is stopped (SIGSTOP) handles it only once it continues. */
export function terminate(child: ChildName): Effect[] {
  return [
    { type: 'signal', child, signal: 'SIGTERM' },
    { type: 'signal', child, signal: 'SIGCONT' },
  ];
}

/** A signal for one kind of child, not for the dyno. Before their handlers are set, USR1 and USR2 end puma, and TTIN and TSTP stop
 * sidekiq for good: a child that still starts gets none. */
export function forward(children: Children, signal: ForwardedSignal, plan: ServePlan): Effect {
  const receivers = [...children]
    .filter(([, { process }]) => process.state === 'ready' || process.state === 'quieting')
    .map(([name]) => name)
    .filter((name) => specOf(plan, name)?.forwardedSignals.includes(signal));
  return { type: 'forward-signal', children: receivers, signal };
}

export function log(event: LogEvent): Effect {
  return { type: 'log', event };
}

export function schedule(timer: Timer): Effect {
  return { type: 'schedule', timer };
}
