import type { ExitStatus } from '../exit-status.ts';
import type { HandedOnSignal, Leftovers, ProcessId, StopSignal } from '../host/host.ts';
import type { Measure } from '../measures.ts';
import type { ChildName } from '../plan/spec.ts';
import type { Cause } from './cause.ts';
import type { Fact } from '../facts.ts';

/** All times are milliseconds of the monotonic clock. */
export type ChildState =
  /** For another to be ready; for somebody to want it. */
  | { is: 'waiting' | 'down' }
  | { is: 'starting' | 'up'; startedAtMs: number }
  /** Being recycled or put to rest: takes no new work; had its TERM; had its KILL; has ended, and what outlived it ends;
   * started again and not up yet. */
  | { is: 'quiet' | 'ending' | 'killed' | 'clearing' | 'returning'; startedAtMs: number }
  /** byUs: our SIGKILL was under way. */
  | { is: 'ended'; startedAtMs: number; status: ExitStatus; byUs: boolean };
export type Children = ReadonlyMap<ChildName, ChildState>;

/** Who wants a child that runs on demand, and how it fared, whatever its process does. */
export type Demand = {
  /** null: it is wanted. */
  idleSinceMs: number | null;
  /** How often in a row it did not become ready, and ended unasked. */
  failures: number;
  falls: number;
  /** It is not started before. */
  notBeforeMs: number;
};
export type Demands = ReadonlyMap<ChildName, Demand>;

/** When to act after the first reason to stop; computed once, moved never. */
export type Deadlines = { stopAtMs: number; killAtMs: number; leaveAtMs: number };
export type State =
  /** recycledAtMs: when the last recycle began. demands: one for each child that runs on demand. seenReady: the children whose
   * readiness was seen in this dyno; only these are expected to become ready after a restart. */
  | {
      phase: 'running';
      children: Children;
      recycledAtMs: number | null;
      demands: Demands;
      seenReady: ReadonlySet<ChildName>;
    }
  /** interrupts: how many SIGINT we have had, without copies of the first (host/signals.ts); the second one kills.
   * draining: whose TERM waits for the router. leftovers: of a recycle that was under way. */
  | {
      phase: 'stopping';
      children: Children;
      cause: Cause;
      deadlines: Deadlines;
      interrupts: number;
      draining: readonly ChildName[];
      leftovers: Leftovers;
    }
  | { phase: 'killing'; children: Children; cause: Cause; deadlines: Deadlines; leftovers: Leftovers }
  /** Every child has ended; what escaped them is being looked for. */
  | {
      phase: 'sweeping';
      children: Children;
      cause: Cause;
      deadlines: Deadlines;
      interrupts: number;
      leftovers: Leftovers;
    }
  | { phase: 'done'; children: Children; cause: Cause; deadlines: Deadlines; leftovers: Leftovers };
export type Phase<P extends State['phase']> = Extract<State, { phase: P }>;

export type Event = { atMs: number } & (
  | { type: 'child-ready'; child: ChildName }
  | { type: 'child-exited'; child: ChildName; status: ExitStatus }
  | { type: 'signal'; signal: StopSignal | HandedOnSignal }
  /** A child has waited long enough for another to be ready. */
  | { type: 'start-over'; child: ChildName }
  /** Too late for the platform's TERM to be what ended the first child. */
  | { type: 'broadcast-over' }
  | Measure
  /** Nobody will see when it is ready. */
  | { type: 'unwatched'; child: ChildName }
  /** It was not seen ready in the time that anything needs to boot. */
  | ({ type: 'boot-over' } & Incarnation)
  /** What outlived a child that ended while the dyno runs on has ended. */
  | { type: 'cleared'; child: ChildName; leftovers: Leftovers }
  /** A quiet child has nothing in hand any more. */
  | ({ type: 'idle' } & Incarnation)
  /** It has run long enough. */
  | ({ type: 'recycle-due' } & Incarnation)
  /** A quiet child was given enough time for what it had in hand. */
  | ({ type: 'quiet-over' } & Incarnation)
  /** A child does not follow the TERM of a recycle or of a rest. */
  | ({ type: 'end-over' } & Incarnation)
  /** A recycled child is not up in time. */
  | ({ type: 'return-over' } & Incarnation)
  /** Time to look whether anybody has wanted it. */
  | ({ type: 'idle-over' } & Incarnation)
  /** A child that fell may start again. */
  | { type: 'pause-over'; child: ChildName }
  /** A child's TERM has waited long enough for the router. */
  | { type: 'drain-over'; child: ChildName }
  /** A child that was starting when it got its TERM should have heard it by now. */
  | { type: 'heard-over'; child: ChildName }
  | { type: 'grace-over' }
  | { type: 'budget-over' }
  | { type: 'swept'; leftovers: Leftovers }
  /** What the KILL for everything has reached beside the children. */
  | { type: 'killed-all'; leftovers: Leftovers }
);
/** A child from this start of its to its end. */
export type Incarnation = { child: ChildName; startedAtMs: number };
export type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;
export type Timer = Extract<Event, { type: `${string}-over` | 'recycle-due' }>;

export type Effect =
  | { do: 'spawn'; child: ChildName }
  /** Remember the descendants of the children while those live: afterwards they may not be told from strangers. */
  | { do: 'look' }
  | { do: 'signal'; child: ChildName; signal: NodeJS.Signals }
  /** To those of them that would hear it, and tell to whom. */
  | { do: 'hand-on'; children: readonly ChildName[]; signal: HandedOnSignal }
  /** Post `idle` when it is. */
  | ({ do: 'watch-idle' } & Incarnation)
  /** SIGKILL for this child and all that comes from it. */
  | { do: 'kill-tree'; child: ChildName }
  /** End what outlived it, then post `cleared`. */
  | { do: 'clear-tree'; child: ChildName; killAtMs: number }
  | { do: 'end-process'; id: ProcessId; killAfterMs: number | null }
  /** SIGKILL for everything that is ours. */
  | { do: 'kill-all' }
  /** End what outlived the children, then post `swept`. */
  | { do: 'sweep'; untilMs: number }
  | { do: 'schedule'; event: Timer }
  | { do: 'tell'; fact: Fact };
export type Step = readonly [State, ...Effect[]];
