import type { ProcessId } from './host/host.ts';
import type { ChildName } from './plan/spec.ts';

/** What the memory room and the router want done; the supervisor decides whether it can be done now. */
export type Measure = Relief | Demand;

/** Against too much memory. `why` is for the log. */
export type Relief =
  /** Stop it when its work is done, start it again. */
  | { type: 'recycle'; child: ChildName; why: string }
  /** Restart this child without waiting for its work. atOnce: the platform is about to kill; a child that is being restarted
   * has no time left. lastResort: what to do where no child can be restarted now. */
  | { type: 'save'; child: ChildName | null; why: string; atOnce: boolean; lastResort: 'stop-dyno' | 'none' }
  /** End one process in the tree of a child; 0: KILL at once; null: never KILL. */
  | { type: 'end-process'; id: ProcessId; name: string; killAfterMs: number | null; why: string };

/** What is asked of a child behind the router. */
export type Demand =
  /** Somebody asks for a child that runs on demand. shortage: why there is no memory for it now; null when there is. */
  | { type: 'wanted'; child: ChildName; shortage: string | null }
  /** The last connection to it was closed. */
  | { type: 'unwanted'; child: ChildName }
  /** No request is in flight to it any more, and none will come. */
  | { type: 'drained'; child: ChildName };
