import type { SceneName } from './scene-names.ts';

/** What a scene has measured, as --json prints it: durations in milliseconds, sizes in bytes; null: not to be had. */
export type Figures =
  | BootFigures
  | LoadFigures
  | DeployFigures
  | CrashFigures
  | FloodFigures
  | StopFigures
  | ReleaseFigures
  | LeftOut
  | Stuck;

export type BootFigures = { scene: 'boot'; bootLimitMs: number; dynos: readonly BootOfDyno[] };
export type BootOfDyno = {
  dyno: string;
  /** Only a web dyno has to listen on $PORT. */
  isWeb: boolean;
  /** From the start of its command to a listener on $PORT; null where none came. */
  boundMs: number | null;
  /** From the start to the moment from which on nothing changed any more; null where it never came to rest. */
  restMs: number | null;
  restBytes: number | null;
  quotaBytes: number;
  /** Their labels, at rest. */
  processes: readonly string[];
};

/** Requests through the edge. One fails that gets no answer, or 5xx. */
export type Requests = {
  sent: number;
  failed: number;
  /** How they failed: `503 H10`, `reset`, as often as the first thousand of them did. */
  failures: readonly { what: string; count: number }[];
  p50Ms: number | null;
  p99Ms: number | null;
};
/** Jobs as sidekiq's log tells them: a lost one has begun, and never ended or gone back to the queue. */
export type JobsOfScene = { done: number; lost: number };

export type LoadFigures = {
  scene: 'load';
  requests: Requests;
  jobs: JobsOfScene;
  hasSidekiq: boolean;
  firstByteLimitMs: number;
  peaks: readonly { dyno: string; peakBytes: number; quotaBytes: number }[];
};

export type DeployFigures = {
  scene: 'deploy';
  release: 'succeeded' | 'failed' | 'none' | 'running';
  requests: Requests;
  jobs: JobsOfScene;
  /** How long the old life of a dyno and its new one were both there. */
  overlaps: readonly { dyno: string; overlapMs: number }[];
  stopLimitMs: number;
  /** R12 of any dyno. */
  exitTimeouts: number;
  connections: Connections;
  connectionsLimit: number;
};
/** Database connections of all dynos together, at the peak. */
export type Connections = { kind: 'seen'; peak: number } | { kind: 'not visible'; why: string };

export type CrashFigures = { scene: 'crash'; recoveryLimitMs: number; cases: readonly CrashCase[] };
export type CrashCase = {
  dyno: string;
  child: string;
  /** The first process of the dyno: with it everything ends at once, whatever the rest would have done. */
  isFirst: boolean;
  /** N of `Process exited with status N`; null where the dyno did not end. */
  status: number | null;
  /** From the SIGKILL until all of the dyno's processes were at work again; null where they did not come back in time. */
  recoveredMs: number | null;
  /** Processes that outlived the dyno's first one; null where nobody can tell. */
  orphans: number | null;
  jobs: JobsOfScene;
  requests: Requests;
};

export type FloodFigures = { scene: 'flood'; dyno: string; cases: readonly FloodCase[] };
export type FloodCase = {
  where: 'convert' | 'sidekiq';
  askedBytes: number;
  peakBytes: number;
  quotaBytes: number;
  /** R14 and R15, how often. */
  warnings: number;
  kills: number;
  /** Labels of what lived through it with the same pid, and of what did not. */
  survived: readonly string[];
  ended: readonly string[];
  /** It is within its quota again, with all of its processes at work. */
  isWellAgain: boolean;
  jobs: JobsOfScene;
  requests: Requests;
};

export type StopFigures = {
  scene: 'stop';
  dyno: string;
  /** The children had printed so much that they had to wait for the reader. */
  wasFull: boolean;
  /** From TERM to the end of its last process; null where it never came. */
  tookMs: number | null;
  stopLimitMs: number;
  exitTimeouts: number;
  status: number | null;
  orphans: number | null;
  jobs: JobsOfScene;
};

export type ReleaseFigures = {
  scene: 'release';
  state: 'succeeded' | 'failed' | 'none' | 'running';
  /** Dynos that started all the same, and those that ended. */
  booted: readonly string[];
  ended: readonly string[];
};

/** A scene that cannot be played here, and one that could not go on. */
export type LeftOut = { scene: SceneName; leftOut: string };
export type Stuck = { scene: SceneName; stuck: string };
