import type { Role } from '../cli.ts';
import type { Words } from '../config/parsers.ts';
import type { Quota } from './machine.ts';
import type { Queue } from '../config/queues.ts';

export type ChildKind = 'puma' | 'sidekiq' | 'streaming';
/** `puma`, `streaming` or `sidekiq`; several sidekiq processes are called `sidekiq-1`, `sidekiq-2` and so on. */
export type ChildName = string;
/** Differences from the environment of the supervisor; null removes a variable. */
export type EnvironmentChange = Readonly<Record<string, string | null>>;

export type Readiness =
  /** Ready when it answers HTTP requests. settleMs: how long it must answer without a 5xx status; 0: any first
   * answer is enough. */
  | { kind: 'http'; at: { host: string; port: number } | { socket: string }; path: string; settleMs: number }
  /** Ready when it touches the file `name` in tmp/. It reads the name from the variable. */
  | { kind: 'file'; variable: string; name: string };

/** A variable that is set because the user did not set it. */
export type TuningVariable = { variable: string; value: string; reason: string };

export type ChildSpec = {
  name: ChildName;
  kind: ChildKind;
  command: Words;
  /** Includes the variables in `tuning`. */
  env: EnvironmentChange;
  tuning: readonly TuningVariable[];
  /** afterReady: when that child is ready, at the latest `timeoutMs` after the start of the dyno. onDemand: with the first request;
   * stopped after `idleMs` without a connection. */
  start: 'at-once' | { afterReady: ChildName; timeoutMs: number } | { onDemand: { idleMs: number } };
  ready: Readiness;
  /** Signals to the supervisor that are forwarded to this child. */
  forwardedSignals: readonly NodeJS.Signals[];
  threads: number | null;
  /** The queues of a sidekiq process; null if they are not known, and for other children. */
  queues: readonly Queue[] | null;
  databaseConnections: number;
  redisConnections: number;
  memory: ChildMemory;
  /** The Unix socket of a child behind the router. It is removed before each start, so that a stale one is not in
   * the way. */
  socket: string | null;
  /** How long its SIGTERM waits, at most, for the router to finish the requests in flight to it; null: it does not
   * wait. */
  drainMs: number | null;
};

export type ChildMemory = {
  /** Expected memory of the busy child in bytes; shared pages count once. */
  expectedBytes: number;
  /** Added to its oom_score_adj. The kernel kills processes with a higher value first. */
  oomScoreAdj: number;
  /** Number of worker processes that can be stopped one by one, because their master replaces them; 0 if there are
   * none. */
  workers: number;
  /** How to restart it while the dyno runs; null if that is not possible. */
  restart: RestartMethod | null;
};
export type RestartMethod = {
  /** The signal after which it accepts no new work; null: the router sends it no requests, and reports when none is
   * in flight. */
  quietSignal: NodeJS.Signals | null;
  /** After the signal, its command line matches this pattern once it is idle. */
  idleTitle: string;
  /** How long to wait for that, at most. */
  quietMs: number;
  /** Interval of periodic restarts, counted from its readiness; null: none. */
  everyMs: number | null;
};

/** Counted from the first reason to stop. The platform sends SIGKILL at `budgetMs`; the supervisor kills what is
 * left at `killAfterMs`, and exits at `exitAfterMs` at the latest. */
export type StopTimes = { budgetMs: number; killAfterMs: number; exitAfterMs: number };

/** Bytes of the total of the dyno. A warning is repeated only after the total fell below `rearm`. */
export type Thresholds = { warn: number; rearm: number; act: number; emergency: number; kill: number };
export type MemoryPlan = {
  /** null: no limit is known, so there is nothing to guard. */
  quota: (Quota & { thresholds: Thresholds }) | null;
  guard: 'on' | 'warn' | 'off';
  /** Interval of the metrics lines; null: none. */
  logEveryMs: number | null;
  /** The name of this dyno in the metrics lines, such as web.1. */
  source: string;
};

export type ServePlan = {
  kind: 'serve';
  role: Role;
  children: readonly ChildSpec[];
  stop: StopTimes;
  memory: MemoryPlan;
  /** null: the children listen on the port of the dyno themselves. */
  router: RouterPlan | null;
  warnings: readonly string[];
};

/** One port for several children. */
export type RouterPlan = {
  port: number;
  /** null: all IPv4 and IPv6 addresses. */
  bind: string | null;
  /** The folder for the sockets of the upstreams. It is private (0700), created for this run and removed at its end. */
  folder: string;
  puma: Upstream;
  streaming: Upstream | null;
  /** Maximum number of client connections; more are closed at once. */
  maxConnections: number;
};
/** A child behind the router. maxKeptConnections: how many connections the router may keep open for the next
 * request. Each of them can occupy a thread of the child. */
export type Upstream = { child: ChildName; socket: string; onDemand: boolean; maxKeptConnections: number };

/** What the children of a dyno need, and what is available. */
export type Budget = {
  /** expectedBytes: with all children busy. idleBytes: without the on-demand children; null if there are none.
   * ownBytes: the share of the supervisor in both. quotaBytes: null if it is not known. */
  memory: { expectedBytes: number; idleBytes: number | null; ownBytes: number; quotaBytes: number | null };
  database: Connections;
  redis: Connections;
};
/** max: of this dyno. overlap: of this dyno and the one that it replaces. limit: what the database plan allows. */
export type Connections = { max: number; overlap: number; limit: number };

export type ReleaseStep = { name: string; command: Words; env: EnvironmentChange };
export type ReleasePlan = {
  kind: 'release';
  role: Role;
  steps: readonly ReleaseStep[];
  stop: StopTimes;
  warnings: readonly string[];
};
/** budget, notes and tuning are only printed, by the command `plan`. notes: remarks about settings that are not
 * wrong, one line each. tuning: included in the env of each release step. */
export type Plan =
  | (ServePlan & { budget: Budget; notes: readonly string[] })
  | (ReleasePlan & { tuning: readonly TuningVariable[] })
  | { kind: 'nothing'; role: Role; reason: string; warnings: readonly string[] };
