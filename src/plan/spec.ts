import type { Role } from '../cli.ts';
import type { Words } from './parsers.ts';
import type { Queue } from './queues.ts';

export type ChildKind = 'puma' | 'sidekiq' | 'streaming';
/** `puma`, `streaming`, `sidekiq`, or `sidekiq-1` and on where there are several. */
export type ChildName = string;
/** What differs from our own environment; null takes a variable away. */
export type EnvironmentChange = Readonly<Record<string, string | null>>;

export type Readiness =
  /** Answers HTTP there, with any status. */
  | { by: 'http'; at: { host: string; port: number } | { socket: string }; path: string }
  /** Touches tmp/NAME, NAME being told in this variable. */
  | { by: 'file'; variable: string; name: string };

export type ChildSpec = {
  name: ChildName;
  kind: ChildKind;
  command: Words;
  env: EnvironmentChange;
  start: 'at-once' | { afterReady: ChildName; atMostMs: number };
  ready: Readiness;
  /** Signals to us that are handed on to it. */
  forwards: readonly NodeJS.Signals[];
  threads: number | null;
  /** What a sidekiq serves; null where that is not known or no queues are served. */
  queues: readonly Queue[] | null;
  databaseConnections: number;
};

/** When to act, counted from the first reason to stop. The platform's KILL comes at `budgetMs`. */
export type StopTimes = { budgetMs: number; killAfterMs: number; leaveAfterMs: number };

export type ServePlan = {
  kind: 'serve';
  role: Role;
  children: readonly ChildSpec[];
  stop: StopTimes;
  warnings: readonly string[];
};
export type Step = { name: string; command: Words; env: EnvironmentChange };
export type ReleasePlan = {
  kind: 'release';
  role: Role;
  steps: readonly Step[];
  stop: StopTimes;
  warnings: readonly string[];
};
export type NothingToDo = { kind: 'nothing'; role: Role; reason: string; warnings: readonly string[] };
export type Plan = ServePlan | ReleasePlan | NothingToDo;
