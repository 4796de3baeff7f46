import type { ChildStateName, Command, SupervisorEvent } from '../commands.ts';
import type { ExitStatus } from '../exit-status.ts';
import type { ForwardedSignal, Leftovers, ProcessId, StopSignal } from '../host.ts';
import type { LogEvent } from '../log/events.ts';
import type { ChildName } from '../plan/spec.ts';

/** All times are milliseconds of the monotonic clock. */

/** What the process of a child does. */
export type ProcessState =
  | { state: 'pending' | 'stopped' }
  /** onTimeout: what follows if it is not ready in time. */
  | { state: 'starting'; startedAtMs: number; onTimeout: 'assume-ready' | 'fail' | 'back-off' }
  | { state: 'ready'; startedAtMs: number; readiness: 'observed' | 'assumed' }
  /** It takes no new work; got its SIGTERM; got its SIGKILL. */
  | { state: 'quieting' | 'stopping' | 'killing'; startedAtMs: number }
  /** It exited, and what it left behind got its SIGTERM, or its SIGKILL. */
  | { state: 'cleaning-up'; startedAtMs: number; leftovers: 'stopping' | 'killing' }
  /** killedByUs: our SIGKILL was on its way. */
  | { state: 'exited'; startedAtMs: number; status: ExitStatus; killedByUs: boolean };

export type ChildState = {
  process: ProcessState & { state: ChildStateName };
  /** null: it does not run on demand. */
  demand: Demand | null;
  /** Its readiness was observed in this dyno. Only then a restart that does not make it ready again is a failure. */
  wasReady: boolean;
  /** The dyno stops, and its SIGTERM waits until the router has no request in flight to it. */
  isDraining: boolean;
};
export type Children = ReadonlyMap<ChildName, ChildState>;

/** A child that runs on demand: whether a client waits for it or uses it, and how its starts went. */
export type Demand = {
  /** null: there is a demand now. */
  idleSinceMs: number | null;
  /** How many starts in a row did not make it ready. The third ends the dyno. */
  failedStarts: number;
  /** Doubles the pause before the next start: raised by each crash and each stop for memory. */
  backoffLevel: number;
  /** It is not started before. */
  notBeforeMs: number;
};

/** Why the dyno stops: the first reason, kept. */
export type Cause =
  | { kind: 'signal'; signal: StopSignal }
  | ChildExited
  /** failedStarts: 0 after a restart. */
  | { kind: 'not-ready'; child: ChildName; afterMs: number; failedStarts: number }
  /** Stopped before the platform kills everything. */
  | { kind: 'memory'; reason: string }
  | { kind: 'internal-error'; reason: string };
/** failedStarts: how many starts in a row did not make it ready, where that is counted; else 0. */
export type ChildExited = {
  kind: 'child-exited';
  child: ChildName;
  status: ExitStatus;
  startedAtMs: number;
  atMs: number;
  failedStarts: number;
};

/** Counted from the first reason to stop, and never moved. */
export type Deadlines = { stopAtMs: number; killAtMs: number; exitAtMs: number };

export type Running = {
  phase: 'running';
  children: Children;
  /** When the last restart began. */
  restartedAtMs: number | null;
  /** Why nothing is started on demand now. */
  memoryPressure: string | null;
};
/** terminating: SIGTERM was sent, unless the child drains. killing: SIGKILL was sent to everything. reaping: every child has exited,
 * and what they left behind is ended. */
type StopStep = 'terminating' | 'killing' | 'reaping';
type Stop = { children: Children; cause: Cause; deadlines: Deadlines; leftovers: Leftovers };
export type Stopping<S extends StopStep = StopStep> = Stop & { phase: 'stopping'; step: S };
export type Terminating = Stopping<'terminating'>;
export type Done = Stop & { phase: 'done' };
export type State = Running | Stopping | Done;

/** A child from one start of its process to the exit of that process. */
export type Incarnation = { child: ChildName; startedAtMs: number };
export type IncarnationAt = Incarnation & { atMs: number };

export type Timer = { atMs: number } &
  /** dependency-timeout: the child has waited long enough for the child that it depends on. */
  (
    | { timer: 'dependency-timeout' | 'backoff-expired' | 'drain-timeout' | 'resend-term'; child: ChildName }
    | ({ timer: 'ready-timeout' | 'quiet-timeout' | 'stop-timeout' | 'idle-timeout' | 'restart-due' } & Incarnation)
    /** Too late for the platform's SIGTERM to be what ended the first child. */
    | { timer: 'broadcast-window-closed' }
    /** What still runs is killed; this process exits whatever is left. */
    | { timer: 'kill-deadline' | 'exit-deadline' }
  );

export type Occurrence =
  | { type: 'child-ready'; child: ChildName }
  /** Its readiness cannot be observed. */
  | { type: 'readiness-unknown'; child: ChildName }
  | { type: 'child-exited'; child: ChildName; status: ExitStatus }
  | { type: 'signal'; signal: StopSignal | ForwardedSignal }
  | { type: 'second-interrupt' }
  | Command
  /** An internal error, which was logged. */
  | { type: 'failed'; reason: string }
  /** A quieting child shows that it has finished its work. The router's `idle` is a command, for whatever process the child has. */
  | ({ type: 'idle' } & Incarnation)
  /** What a child, or the children, left behind has ended. 'living': what SIGKILL for everything has reached beside the children. */
  | { type: 'reaped'; scope: { child: ChildName } | 'all' | 'living'; leftovers: Leftovers }
  | ({ type: 'timeout' } & Timer);
export type Event = { atMs: number } & Occurrence;
export type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

export type Effect =
  | { type: 'spawn'; child: ChildName }
  /** Remember the descendants of the children while those live: later nothing may tell them from other processes. */
  | { type: 'scan' }
  | { type: 'signal'; child: ChildName; signal: NodeJS.Signals }
  /** To those of them that can handle it; the log says to which. */
  | { type: 'forward-signal'; children: readonly ChildName[]; signal: ForwardedSignal }
  /** Report `idle` when the child has finished its work. */
  | ({ type: 'watch-idle' } & Incarnation)
  /** SIGKILL for a child and its process tree, or for everything; then `reaped` for `living`. */
  | { type: 'kill'; scope: { child: ChildName } | 'all' }
  /** End what a child, or the children, left behind; then `reaped`. */
  | { type: 'reap'; scope: { child: ChildName } | 'all'; killAtMs: number }
  | { type: 'end-process'; id: ProcessId; killAfterMs: number | null }
  | { type: 'schedule'; timer: Timer }
  | { type: 'publish'; event: Exclude<SupervisorEvent, { type: 'child-changed' }> }
  | { type: 'log'; event: LogEvent };
export type EffectOf<T extends Effect['type']> = Extract<Effect, { type: T }>;
export type Transition<S extends State = State> = readonly [S, ...Effect[]];
