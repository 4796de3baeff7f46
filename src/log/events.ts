import type { Words } from '../config/parsers.ts';
import type { ExitStatus } from '../exit-status.ts';
import type { ChildName } from '../plan/spec.ts';

/** What happened, as data: each becomes one line of the log. `child` is a child of a dyno or a step of a release. Times are in
 * milliseconds; `afterMs` counts from the start of the child. */
export type LogEvent =
  | { event: 'plan'; text: string }
  | { event: 'warning'; text: string }
  | { event: 'internal-error'; stack: string }
  | { event: 'started'; child: ChildName; command: Words; pid: number }
  | { event: 'ready'; child: ChildName; afterMs: number }
  /** The child starts although the child that it depends on is not ready. */
  | { event: 'dependency-timeout'; child: ChildName; dependency: ChildName; afterMs: number }
  | { event: 'readiness-unknown'; child: ChildName; reason: string }
  | { event: 'assumed-ready'; child: ChildName; afterMs: number }
  /** killedByUs: our SIGKILL was on its way. */
  | { event: 'exited'; child: ChildName; status: ExitStatus; afterMs: number; killedByUs: boolean }
  /** The dyno stops, because of a signal or of a child that exited. */
  | { event: 'stopping'; reason: string; children: readonly ChildName[]; killAfterMs: number }
  /** The platform had signalled every process: the exit of that child was asked for. */
  | { event: 'broadcast'; child: ChildName; afterMs: number }
  | { event: 'killing'; children: readonly ChildName[] }
  /** A process that outlived its child was ended by SIGTERM or killed. */
  | { event: 'leftover'; process: string; how: 'ended' | 'killed' }
  | { event: 'unkillable'; children: readonly string[] }
  | { event: 'signal-forwarded'; signal: NodeJS.Signals; children: readonly ChildName[] }
  /** quietMs: how long the child may finish its work. */
  | { event: 'graceful-restart'; child: ChildName; reason: string; quietMs: number }
  | { event: 'restart-postponed'; child: ChildName; reason: string }
  | { event: 'restarting'; child: ChildName; idle: boolean }
  /** killed: with SIGKILL; else with SIGTERM, without waiting for its work. */
  | { event: 'emergency-restart'; child: ChildName; reason: string; killed: boolean }
  | { event: 'terminating'; process: string; reason: string; killAfterMs: number | null }
  /** The router takes connections at this address: `[::]:5006`. */
  | { event: 'listening'; address: string }
  /** It runs on demand, and was stopped until the next request. */
  | { event: 'idle-stopped'; child: ChildName; idleMs: number }
  | { event: 'stopped-for-memory'; child: ChildName; reason: string }
  /** A child on demand crashed (null), or was not ready after this time; it can start again after a pause. */
  | { event: 'backing-off'; child: ChildName; pauseMs: number; notReadyAfterMs: number | null }
  /** There is a request for it, and it is not started now. */
  | { event: 'start-denied'; child: ChildName; reason: string }
  /** There was a request for it while it could not start; it can now. */
  | { event: 'startable'; child: ChildName }
  /** What went wrong between a client and an upstream, `count` times since the last such line. */
  | { event: 'router-warning'; child: ChildName; reason: string; count: number }
  /** How full the memory is, and what is done about it or would be. */
  | { event: 'memory'; level: 'info' | 'warn' | 'error'; text: string; usedBytes: number; quotaBytes: number }
  | ({ event: 'outcome' } & Outcome);

/** Why the run ended: a signal, a child or step that exited, or the end of its work. */
type ExitReason =
  | { cause: 'signal'; signal: NodeJS.Signals }
  | { cause: 'child-exited'; child: ChildName; status: ExitStatus; afterMs: number }
  | { cause: 'not-ready'; child: ChildName; afterMs: number }
  | { cause: 'memory' }
  | { cause: 'internal-error' }
  | { cause: 'done' };

/** The exit code of a run, and why it ended: in words an admin understands, and as fields. */
export type Outcome = { code: number; reason: string } & ExitReason;
/** exitAtMs: when this process must be gone, on the monotonic clock. */
export type Result = Outcome & { exitAtMs: number };

export type Log = (event: LogEvent) => void;
