import type { Role } from '../cli.ts';
import type { Words } from '../config/parsers.ts';
import type { Quota } from './machine.ts';
import type { Queue } from '../config/queues.ts';

export type ChildKind = 'puma' | 'sidekiq' | 'streaming';
/** `puma`, `streaming`, `sidekiq`, or `sidekiq-1` and on where there are several. */
export type ChildName = string;
/** What differs from our own environment; null takes a variable away. */
export type EnvironmentChange = Readonly<Record<string, string | null>>;

export type Readiness =
  /** Answers HTTP there. settleMs: for how long it must keep answering without a 5xx status; 0: its first answer counts,
   * whatever the status. */
  | { by: 'http'; at: { host: string; port: number } | { socket: string }; path: string; settleMs: number }
  /** Touches tmp/NAME, NAME being told in this variable. */
  | { by: 'file'; variable: string; name: string };

/** A variable that we set because the admin did not, and why. */
export type TuningVariable = { variable: string; value: string; why: string };

export type ChildSpec = {
  name: ChildName;
  kind: ChildKind;
  command: Words;
  /** What is in `thrift` stands here too. */
  env: EnvironmentChange;
  tuning: readonly TuningVariable[];
  start: 'at-once' | AfterReady | OnDemand;
  ready: Readiness;
  /** Signals to us that are handed on to it. */
  forwards: readonly NodeJS.Signals[];
  threads: number | null;
  /** What a sidekiq serves; null where that is not known or no queues are served. */
  queues: readonly Queue[] | null;
  databaseConnections: number;
  redisConnections: number;
  memory: ChildMemory;
  /** Its own unix socket behind the router: removed before each start, so that a stale one is in nobody's way. */
  socket: string | null;
  /** How long its TERM waits at most, in milliseconds, for the router to have no request in flight to it; null: not at all. */
  drainMs: number | null;
};

/** atMostMs: from the start of the dyno. */
export type AfterReady = { afterReady: ChildName; atMostMs: number };
/** Started when it is wanted, stopped when nobody has wanted it for `idleMs`. */
export type OnDemand = { onDemand: { idleMs: number } };

export type ChildMemory = {
  /** What it is expected to hold when it is at work, in bytes, shared pages counted once. */
  expectedBytes: number;
  /** Added to its oom_score_adj: the more, the sooner the kernel takes it. */
  oomScoreAdj: number;
  /** Processes of which one can end and is replaced by their master; 0 for what has none. */
  workers: number;
  /** How it can be ended and started again while the dyno lives; null for what cannot. */
  restart: RestartMethod | null;
};
export type RestartMethod = {
  /** The signal after which it takes no new work; null: the router brings it none, and says when it has nothing in hand. */
  quiet: NodeJS.Signals | null;
  /** With such a signal: its command line shows this pattern once it has nothing in hand. */
  idleTitle: string;
  /** How long to wait for that, at most. */
  quietMs: number;
  /** Milliseconds from its readiness to a recycle without need; null for never. */
  everyMs: number | null;
};

/** When to act, counted from the first reason to stop. The platform's KILL comes at `budgetMs`. */
export type StopTimes = { budgetMs: number; killAfterMs: number; leaveAfterMs: number };

/** In bytes of the dyno's total. */
export type Thresholds = { warn: number; rearm: number; act: number; emergency: number; kill: number };
export type MemoryPlan = {
  /** null: nothing is weighed against anything. */
  quota: (Quota & { thresholds: Thresholds }) | null;
  guard: 'on' | 'warn' | 'off';
  /** null: no such lines. */
  logEveryMs: number | null;
  /** The name of this dyno in those lines, such as web.1. */
  source: string;
};

export type ServePlan = {
  kind: 'serve';
  role: Role;
  children: readonly ChildSpec[];
  stop: StopTimes;
  memory: MemoryPlan;
  /** null: the children listen on the dyno's port themselves. */
  router: RouterPlan | null;
  warnings: readonly string[];
};

/** One port before several children. */
export type RouterPlan = {
  port: number;
  /** null: every address, those of IPv6 as well where there is IPv6. */
  bind: string | null;
  /** Made for this run, for us alone (0700), and removed at its end: the sockets of the upstreams are in it. */
  folder: string;
  puma: Upstream;
  streaming: Upstream | null;
  /** How many clients may be connected at the same time; more are closed at once. */
  maxConnections: number;
};
/** Who is behind the router, and on which unix socket. keeps: how many connections may be kept for the next request, each of
 * which may hold one of its threads. */
export type Upstream = { child: ChildName; socket: string; onDemand: boolean; keeps: number };

/** What the children of a dyno need against what there is. */
export type Budget = {
  /** expectedBytes: with all children at work. restingBytes: without those that run on demand; null where there are none.
   * ownBytes: of both, what we ourselves take. quotaBytes: null where it is not known. */
  memory: { expectedBytes: number; restingBytes: number | null; ownBytes: number; quotaBytes: number | null };
  database: Connections;
  redis: Connections;
};
/** most: of this dyno; overlap: of it and of the one that it replaces; limit: what the plan allows. */
export type Connections = { most: number; overlap: number; limit: number };

export type ReleaseStep = { name: string; command: Words; env: EnvironmentChange };
export type ReleasePlan = {
  kind: 'release';
  role: Role;
  steps: readonly ReleaseStep[];
  stop: StopTimes;
  warnings: readonly string[];
};
export type NothingToDo = { kind: 'nothing'; role: Role; reason: string; warnings: readonly string[] };
/** With what is only told: nothing that runs asks for it. thrift: what stands in the env of each step too. notes: what `plan`
 * says of settings, one line each, where nothing is wrong. */
export type Plan =
  | (ServePlan & { budget: Budget; notes: readonly string[] })
  | (ReleasePlan & { tuning: readonly TuningVariable[] })
  | NothingToDo;
