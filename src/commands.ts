import type { ProcessId } from './host.ts';
import type { ChildName } from './plan/spec.ts';

/** What the memory guard and the router ask of the supervisor, which decides whether it can be done now. */
export type Command = MemoryCommand | DemandCommand;

/** Against too much memory. `reason` is for the log. */
export type MemoryCommand =
  /** Start the child again once it has finished its work. */
  | { type: 'restart'; mode: 'graceful'; child: ChildName; reason: string }
  | EmergencyRestart
  /** End one process in the tree of a child: SIGTERM, then SIGKILL after `killAfterMs`; 0: SIGKILL at once; null: no SIGKILL. */
  | { type: 'end-process'; id: ProcessId; name: string; killAfterMs: number | null; reason: string }
  /** While there is a reason, no child is started on demand. null: there is enough memory again. */
  | { type: 'memory-pressure'; reason: string | null };

/** Start the child again without waiting for its work; with null the guard knows no child that would help. */
export type EmergencyRestart = {
  type: 'restart';
  mode: 'emergency';
  child: ChildName | null;
  reason: string;
  /** The platform is about to kill the dyno: a child that is already being restarted gets no more time. */
  immediate: boolean;
  /** What to do where no child can be restarted now. */
  lastResort: 'stop-dyno' | 'none';
};

/** What the router asks for a child behind it. */
export type DemandCommand =
  /** There is a request for a child that runs on demand. */
  | { type: 'demand-started'; child: ChildName }
  /** The last connection to it was closed. */
  | { type: 'demand-ended'; child: ChildName }
  /** No request is in flight to it any more, and the router sends it no new one. */
  | { type: 'idle'; child: ChildName };

/** What the supervisor tells the guard and the router, in the turn in which it happens. */
export type SupervisorEvent =
  | ChildChanged
  /** There is a request for the child, and it is not started now. */
  | { type: 'start-denied'; child: ChildName; reason: string }
  /** There was a request for the child while it could not start. It can now, if it is asked for again. */
  | { type: 'startable'; child: ChildName }
  | { type: 'dyno-stopping' };

/** readiness: null unless the child is ready. assumed: it was not seen to become ready in time. */
export type ChildChanged = {
  type: 'child-changed';
  child: ChildName;
  state: ChildStateName;
  readiness: 'observed' | 'assumed' | null;
};

/** pending: waits for another child. stopped: runs on demand, and not now. cleaning-up: it exited, and what it left behind is ended. */
export type ChildStateName =
  'pending' | 'stopped' | 'starting' | 'ready' | 'quieting' | 'stopping' | 'killing' | 'cleaning-up' | 'exited';
