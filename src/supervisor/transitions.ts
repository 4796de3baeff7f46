import type { ForwardedSignal, StopSignal } from '../host.ts';
import type { ServePlan } from '../plan/spec.ts';
import { cleanUp, demandOf, forward, processOf, startOf, stopTimeout } from './children.ts';
import { crashedOnDemand, demandStarted, endDemand, idleTimeout, startableIfDemanded } from './on-demand.ts';
import {
  endProcess,
  endProcessWhileStopping,
  quietOver,
  reaped,
  restartDue,
  restartGracefully,
  restartInEmergency,
} from './restart.ts';
import { dependencyTimeout, readinessUnknown, ready, readyTimeout } from './start.ts';
import type { Event, EventOf, Running, State, Stopping, Terminating, Timer, Transition } from './state.ts';
import {
  crash,
  drained,
  exitedWhileKilling,
  exitedWhileTerminating,
  exitNow,
  interruptReaping,
  killEverything,
  reapedWhileStopping,
  resendTerm,
  settle,
  signalWhileTerminating,
  stop,
} from './stop.ts';

/** A timeout is an event of the name of its timer. */
type Name = Exclude<Event['type'], 'timeout'> | Timer['timer'];
type TimerOf<N, T = Timer> = T extends { timer: infer M } ? (N extends M ? T : never) : never;
type Named<N extends Name> = N extends Event['type'] ? EventOf<N> : TimerOf<N>;
type Cell<S extends State, N extends Name> = (state: S, event: Named<N>, plan: ServePlan) => Transition;
type Row<N extends Name> = readonly [
  Cell<Running, N>,
  Cell<Terminating, N>,
  Cell<Stopping<'killing'>, N>,
  Cell<Stopping<'reaping'>, N>,
];

const COLUMNS = ['running', 'terminating', 'killing', 'reaping'];

const ignore = (state: State): Transition => [state];

/** What follows from which event while the dyno runs, and in each step of its stop: terminating, killing, reaping. */
const TABLE = {
  'child-ready': [ready, ignore, ignore, ignore],
  'readiness-unknown': [readinessUnknown, ignore, ignore, ignore],
  'child-exited': [exitedWhileRunning, exitedWhileTerminating, exitedWhileKilling, ignore],
  signal: [signalWhileRunning, signalWhileTerminating, ignore, ignore],
  'second-interrupt': [ignore, killEverything, ignore, interruptReaping],
  restart: [
    (state, event, plan) =>
      event.mode === 'graceful' ? restartGracefully(state, event, plan) : restartInEmergency(state, event, plan),
    ignore,
    ignore,
    ignore,
  ],
  'end-process': [
    (state, event) => [state, ...endProcess(event)],
    (state, event) => [state, ...endProcessWhileStopping(event)],
    ignore,
    (state, event) => [state, ...endProcessWhileStopping(event)],
  ],
  'memory-pressure': [(state, { reason }) => [{ ...state, memoryPressure: reason }], ignore, ignore, ignore],
  failed: [
    (state, { reason, atMs }, plan) => stop(state, { kind: 'internal-error', reason }, atMs, plan),
    ignore,
    ignore,
    ignore,
  ],
  'demand-started': [demandStarted, ignore, ignore, ignore],
  'demand-ended': [(state, event) => [endDemand(state, event)], ignore, ignore, ignore],
  idle: [(state, event, plan) => quietOver(state, event, true, plan), drained, ignore, ignore],
  reaped: [reaped, reapedWhileStopping, reapedWhileStopping, reapedWhileStopping],
  'dependency-timeout': [dependencyTimeout, ignore, ignore, ignore],
  'ready-timeout': [readyTimeout, ignore, ignore, ignore],
  'quiet-timeout': [(state, event, plan) => quietOver(state, event, false, plan), ignore, ignore, ignore],
  'stop-timeout': [stopTimeout, ignore, ignore, ignore],
  'restart-due': [restartDue, ignore, ignore, ignore],
  'idle-timeout': [idleTimeout, ignore, ignore, ignore],
  'backoff-expired': [startableIfDemanded, ignore, ignore, ignore],
  'drain-timeout': [ignore, drained, ignore, ignore],
  'resend-term': [ignore, resendTerm, ignore, ignore],
  'broadcast-window-closed': [ignore, (state, event) => settle(state, event), ignore, ignore],
  'kill-deadline': [ignore, killEverything, ignore, ignore],
  'exit-deadline': [ignore, exitNow, exitNow, exitNow],
} satisfies { [N in Name]: Row<N> };

/** What follows from an event: every decision about a dyno's life goes through here. No clock, no process, no state of its own. */
export function next(state: State, event: Event, plan: ServePlan): Transition {
  if (state.phase === 'done' || isStale(state, event)) return [state];
  const column = COLUMNS.indexOf(state.phase === 'running' ? 'running' : state.step);
  const row = TABLE[event.type === 'timeout' ? event.timer : event.type];
  // TypeScript cannot relate the cell to the types of state and event; `satisfies` has checked every cell.
  const cell = row[column] as (state: State, event: Event, plan: ServePlan) => Transition;
  return cell(state, event, plan);
}

/** It is about an earlier process of the child. */
function isStale(state: State, event: Event): boolean {
  return 'startedAtMs' in event && startOf(state, event.child) !== event.startedAtMs;
}

function signalWhileRunning(state: Running, { signal, atMs }: EventOf<'signal'>, plan: ServePlan): Transition {
  if (!isStopSignal(signal)) return [state, forward(state, signal, plan)];
  return stop(state, { kind: 'signal', signal }, atMs, plan);
}

function isStopSignal(signal: StopSignal | ForwardedSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP';
}

function exitedWhileRunning(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Transition {
  const isAskedFor = ['quieting', 'stopping', 'killing'].includes(processOf(state, event.child)?.state ?? '');
  if (isAskedFor) return cleanUp(state, event, plan);
  return demandOf(state, event.child) === null ? crash(state, event, plan) : crashedOnDemand(state, event, plan);
}
