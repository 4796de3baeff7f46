import type { ProcessId } from './host/host.ts';
import type { ChildName } from './plan/spec.ts';

/** What the memory room wants done; the supervisor decides whether it can be done now. `why` is for the log. */
export type Measure =
  /** Stop it when its work is done, start it again. */
  | { type: 'recycle'; child: ChildName; why: string }
  /** Restart this child without waiting for its work, or, with nobody to restart, stop the dyno. atOnce: the platform is
   * about to kill; who is being restarted has no time left. */
  | { type: 'save'; child: ChildName | null; why: string; atOnce: boolean }
  /** End one process in the tree of a child; 0: KILL at once; null: never KILL. */
  | { type: 'end-process'; id: ProcessId; name: string; killAfterMs: number | null; why: string };
