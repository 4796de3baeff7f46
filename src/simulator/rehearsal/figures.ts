import { formatMemory } from '../platform/rules.ts';

/** The scenarios of a rehearsal, in order. */
export const SCENARIOS = ['boot', 'load', 'deploy', 'crash', 'flood', 'stop', 'release'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** The measurements of a scenario, as --json prints them: durations in milliseconds, sizes in bytes, null if unknown. */
export type Figures =
  | BootFigures
  | LoadFigures
  | DeployFigures
  | CrashFigures
  | FloodFigures
  | StopFigures
  | ReleaseFigures
  | SkippedFigures
  | FailedFigures;

export type BootFigures = { scenario: 'boot'; bootLimitMs: number; dynos: readonly DynoBoot[] };
export type DynoBoot = {
  dyno: string;
  /** Only a web dyno has to listen on $PORT. */
  isWeb: boolean;
  /** From the start of the command to a listener on $PORT. null: none. */
  boundMs: number | null;
  /** From the start until nothing changed any more. null: it never came to rest. */
  restMs: number | null;
  restBytes: number | null;
  quotaBytes: number;
  /** Labels at rest. */
  processes: readonly string[];
};

/** Requests through the edge. A request without a complete 200 has failed. */
export type RequestFigures = {
  sent: number;
  failed: number;
  /** Reasons such as `503 H10` or `reset`, counted over the first thousand failures. */
  failures: readonly { what: string; count: number }[];
  p50Ms: number | null;
  p99Ms: number | null;
};
/** From sidekiq's log. A lost job has started but neither ended nor returned to its queue. */
export type JobFigures = { done: number; lost: number };

export type LoadFigures = {
  scenario: 'load';
  requests: RequestFigures;
  jobs: JobFigures;
  hasSidekiq: boolean;
  firstByteLimitMs: number;
  peaks: readonly { dyno: string; peakBytes: number; quotaBytes: number }[];
};

export type DeployFigures = {
  scenario: 'deploy';
  release: 'succeeded' | 'failed' | 'none' | 'running';
  requests: RequestFigures;
  jobs: JobFigures;
  /** How long the old and the new instance of a dyno ran at the same time. */
  overlaps: readonly { dyno: string; overlapMs: number }[];
  stopLimitMs: number;
  /** R12 of any dyno. */
  exitTimeouts: number;
  connections: ConnectionCount;
  connectionsLimit: number;
};
/** The peak of all dynos' database connections. */
export type ConnectionCount = { kind: 'seen'; peak: number } | { kind: 'not visible'; reason: string };

export type CrashFigures = { scenario: 'crash'; recoveryLimitMs: number; cases: readonly CrashCase[] };
export type CrashCase = {
  dyno: string;
  child: string;
  /** The dyno's first process. Its exit ends the whole dyno at once. */
  isFirst: boolean;
  /** N of `Process exited with status N`. null: the dyno did not exit. */
  status: number | null;
  /** From SIGKILL until all of the dyno's processes were at work again. null: they did not come back in time. */
  recoveredMs: number | null;
  /** Processes that outlived the dyno's first one. null: unknown. */
  orphans: number | null;
  jobs: JobFigures;
  requests: RequestFigures;
};

export type FloodFigures = { scenario: 'flood'; dyno: string; cases: readonly FloodCase[] };
export type FloodCase = {
  where: 'convert' | 'sidekiq';
  askedBytes: number;
  peakBytes: number;
  quotaBytes: number;
  /** How often R14 and R15 were logged. */
  warnings: number;
  kills: number;
  /** Labels of processes that kept their pid, and of those that did not. */
  survived: readonly string[];
  ended: readonly string[];
  /** Within its quota again, with all processes at work. */
  hasRecovered: boolean;
  jobs: JobFigures;
  requests: RequestFigures;
};

export type StopFigures = {
  scenario: 'stop';
  dyno: string;
  /** The children had printed so much that they were blocked by the stalled reader. */
  wasBlocked: boolean;
  /** From TERM to the exit of the last process. null: it never exited. */
  tookMs: number | null;
  stopLimitMs: number;
  exitTimeouts: number;
  status: number | null;
  orphans: number | null;
  jobs: JobFigures;
};

export type ReleaseFigures = {
  scenario: 'release';
  state: 'succeeded' | 'failed' | 'none' | 'running';
  /** Dynos that started or ended although the release failed. */
  booted: readonly string[];
  ended: readonly string[];
};

/** A scenario that cannot run here, and one that could not continue. */
export type SkippedFigures = { scenario: ScenarioName; skipped: string };
type FailedFigures = { scenario: ScenarioName; failed: string };

/** `340 ms`, `2.3 s`, `29.7 s`, `60 s` */
export function formatDuration(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}

/** `118M (23 %)` */
export function formatShare(bytes: number, quotaBytes: number): string {
  return `${formatMemory(bytes)} (${Math.round((100 * bytes) / quotaBytes)} %)`;
}

/** `supervisor, puma, puma worker x2` */
export function formatList(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const words = [...counts].map(([label, count]) => (count === 1 ? label : `${label} x${count}`));
  return words.join(', ') || 'none';
}

/** `3 of 120: 503 H10 x2, reset` */
export function formatFailures({ sent, failed, failures }: RequestFigures): string {
  const kinds = failures.map(({ what, count }) => (count === 1 ? what : `${what} x${count}`));
  return `${failed} of ${sent}${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`;
}
