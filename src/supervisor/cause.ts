import type { ExitStatus } from '../exit-status.ts';
import type { StopSignal } from '../host/host.ts';
import type { ChildName } from '../plan/spec.ts';

/** Why the dyno stops: the first reason, kept. */
export type Cause =
  | { kind: 'signal'; signal: StopSignal }
  /** failures: how often in a row it did not become ready, where that is counted; else 0. */
  | { kind: 'child-exited'; child: ChildName; status: ExitStatus; startedAtMs: number; atMs: number; failures: number }
  /** It was recycled and did not come up again in this time. */
  | { kind: 'not-back'; child: ChildName; afterMs: number }
  /** It was wanted, and once more not up in this time. */
  | { kind: 'never-up'; child: ChildName; afterMs: number }
  /** Stopped before the platform kills everything. */
  | { kind: 'memory'; why: string };
export type ChildExited = Extract<Cause, { kind: 'child-exited' }>;

/** A child that runs on demand and does not become ready so often in a row is a crash of the dyno. */
export const FAILURES_AT_MOST = 3;
export const ONCE_MORE = 'the third time in a row that it did not become ready';

/** A platform that signals every process of the dyno lets a child end before we hear of our own TERM. Even one that was sent first is
 * heard later where another thread of Node takes it, as while the main one starts a child, and waits for a CPU: on a busy machine by
 * some tenths of a second. */
export const BROADCAST_WINDOW_MS = 1000;

/** An end as TERM makes it; it was asked for if our own TERM follows within the window. */
export function mayBeBroadcast(cause: Cause): cause is ChildExited {
  if (cause.kind !== 'child-exited') return false;
  const { status } = cause;
  return (
    (status.kind === 'signaled' && status.signal === 'SIGTERM') ||
    (status.kind === 'exited' && (status.code === 0 || status.code === 143))
  );
}
