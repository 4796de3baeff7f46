import type { ForwardedSignal, StopSignal } from '../host.ts';
import type { ServePlan } from '../plan/spec.ts';
import { crashedOnDemand } from './backoff.ts';
import { forward, isOutdated } from './children.ts';
import { endProcessWhileStopping, endProcess, restartInEmergency } from './emergency.ts';
import { demandEnded, demandStarted, idleTimeout, startableIfDemanded } from './on-demand.ts';
import { dependencyTimeout, readinessUnknown, ready, readyTimeoutOver } from './readiness.ts';
import { allReaped, exitedWhileKilling, exitNow, interruptReaping, killEverything, withLeftovers } from './reaping.ts';
import { quietOver, reaped, restartDue, restartGracefully } from './restart.ts';
import { cleanUp, stopTimeout } from './stop-child.ts';
import type { Done, Event, EventOf, Running, State, Stopping, Transition } from './state.ts';
import { crash, drained, exitedWhileTerminating, resendTerm, settle, signalWhileTerminating, stop } from './stop.ts';

type Rows = {
  running: Running;
  terminating: Stopping<'terminating'>;
  killing: Stopping<'killing'>;
  reaping: Stopping<'reaping'>;
  done: Done;
};
type Cell<S extends State, T extends Event['type']> = (state: S, event: EventOf<T>, plan: ServePlan) => Transition;
type Table = { [R in keyof Rows]: { [T in Event['type']]: Cell<Rows[R], T> } };

const ignore = (state: State): Transition => [state];

/** What follows from which event in which phase of a dyno. */
const TABLE = {
  running: {
    'child-ready': ready,
    'readiness-unknown': readinessUnknown,
    'child-exited': exitedWhileRunning,
    signal: signalWhileRunning,
    'second-interrupt': ignore,
    restart: (state, event, plan) =>
      event.mode === 'graceful' ? restartGracefully(state, event, plan) : restartInEmergency(state, event, plan),
    'end-process': (state, event) => [state, ...endProcess(event)],
    'memory-pressure': (state, { reason }) => [{ ...state, memoryPressure: reason }],
    failed: (state, { reason, atMs }, plan) => stop(state, { kind: 'internal-error', reason }, atMs, plan),
    'demand-started': demandStarted,
    'demand-ended': demandEnded,
    idle: (state, event, plan) => quietOver(state, event, true, plan),
    reaped,
    timeout: timeoutWhileRunning,
  },
  terminating: {
    'child-ready': ignore,
    'readiness-unknown': ignore,
    'child-exited': exitedWhileTerminating,
    signal: signalWhileTerminating,
    'second-interrupt': killEverything,
    restart: ignore,
    'end-process': (state, event) => [state, ...endProcessWhileStopping(event)],
    'memory-pressure': ignore,
    failed: ignore,
    'demand-started': ignore,
    'demand-ended': ignore,
    idle: (state, { child }) => drained(state, child),
    reaped: (state, event) => (event.scope === 'all' ? [state] : [withLeftovers(state, event)]),
    timeout: timeoutWhileTerminating,
  },
  killing: {
    'child-ready': ignore,
    'readiness-unknown': ignore,
    'child-exited': exitedWhileKilling,
    signal: ignore,
    'second-interrupt': ignore,
    restart: ignore,
    'end-process': ignore,
    'memory-pressure': ignore,
    failed: ignore,
    'demand-started': ignore,
    'demand-ended': ignore,
    idle: ignore,
    reaped: (state, event) => (event.scope === 'all' ? [state] : [withLeftovers(state, event)]),
    timeout: exitAtDeadline,
  },
  reaping: {
    'child-ready': ignore,
    'readiness-unknown': ignore,
    'child-exited': ignore,
    signal: ignore,
    'second-interrupt': interruptReaping,
    restart: ignore,
    'end-process': (state, event) => [state, ...endProcessWhileStopping(event)],
    'memory-pressure': ignore,
    failed: ignore,
    'demand-started': ignore,
    'demand-ended': ignore,
    idle: ignore,
    reaped: allReaped,
    timeout: exitAtDeadline,
  },
  done: {
    'child-ready': ignore,
    'readiness-unknown': ignore,
    'child-exited': ignore,
    signal: ignore,
    'second-interrupt': ignore,
    restart: ignore,
    'end-process': ignore,
    'memory-pressure': ignore,
    failed: ignore,
    'demand-started': ignore,
    'demand-ended': ignore,
    idle: ignore,
    reaped: ignore,
    timeout: ignore,
  },
} satisfies Table;

/** What follows from an event: every decision about a dyno's life goes through here. No clock, no process, no state of its own. */
export function next(state: State, event: Event, plan: ServePlan): Transition {
  if (isStale(state, event)) return [state];
  const row = state.phase === 'stopping' ? state.step : state.phase;
  // TypeScript cannot relate the row to the type of the state; `satisfies Table` has checked every cell.
  const cell = TABLE[row][event.type] as Cell<State, Event['type']>;
  return cell(state, event, plan);
}

/** It is about an earlier process of the child. */
function isStale({ children }: State, event: Event): boolean {
  if (event.type !== 'timeout' && event.type !== 'idle') return false;
  return 'startedAtMs' in event && isOutdated(children, { child: event.child, startedAtMs: event.startedAtMs });
}

function signalWhileRunning(state: Running, { signal, atMs }: EventOf<'signal'>, plan: ServePlan): Transition {
  if (!isStopSignal(signal)) return [state, forward(state.children, signal, plan)];
  return stop(state, { kind: 'signal', signal }, atMs, plan);
}

function isStopSignal(signal: StopSignal | ForwardedSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP';
}

function exitedWhileRunning(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition {
  const child = state.children.get(event.child);
  const isAskedFor = ['quieting', 'stopping', 'killing'].includes(child?.process.state ?? '');
  if (isAskedFor) return cleanUp(state, event, plan);
  return (child?.demand ?? null) === null ? crash(state, event, plan) : crashedOnDemand(state, event, plan);
}

function timeoutWhileRunning(state: Running, timer: EventOf<'timeout'>, plan: ServePlan): Transition {
  switch (timer.timer) {
    case 'dependency-timeout':
      return dependencyTimeout(state, timer.child, timer.atMs, plan);
    case 'ready-timeout':
      return readyTimeoutOver(state, timer, plan);
    case 'quiet-timeout':
      return quietOver(state, timer, false, plan);
    case 'stop-timeout':
      return stopTimeout(state, timer);
    case 'restart-due':
      return restartDue(state, timer, plan);
    case 'idle-timeout':
      return idleTimeout(state, timer, plan);
    case 'backoff-expired':
      return startableIfDemanded(state, timer);
    case 'drain-timeout':
    case 'resend-term':
    case 'broadcast-window-closed':
    case 'kill-deadline':
    case 'exit-deadline':
      return [state];
  }
}

function timeoutWhileTerminating(state: Rows['terminating'], timer: EventOf<'timeout'>): Transition {
  switch (timer.timer) {
    case 'drain-timeout':
      return drained(state, timer.child);
    case 'resend-term':
      return resendTerm(state, timer.child);
    case 'broadcast-window-closed':
      return settle(state, timer.atMs);
    case 'kill-deadline':
      return killEverything(state);
    case 'exit-deadline':
      return exitNow(state);
    case 'dependency-timeout':
    case 'ready-timeout':
    case 'quiet-timeout':
    case 'stop-timeout':
    case 'restart-due':
    case 'idle-timeout':
    case 'backoff-expired':
      return [state];
  }
}

function exitAtDeadline(state: Stopping, { timer }: EventOf<'timeout'>): Transition {
  return timer === 'exit-deadline' ? exitNow(state) : [state];
}
