import type { ExitStatus } from './exit-status.ts';
import type { Cgroup } from './plan/machine.ts';
import type { ChildName, ChildSpec, ReleaseStep } from './plan/spec.ts';

/** Signals that end the dyno. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** Signals that are for one kind of child. */
export type ForwardedSignal = 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2';
/** What a dyno or a release is told from outside. A second Ctrl-C kills everything; it is counted in process/signals.ts alone. */
export type Request = StopSignal | ForwardedSignal | 'second-SIGINT';

export type Process = {
  /** null when it could not start. */
  pid: number | null;
  /** Never rejects; can be awaited late. */
  exited: Promise<ExitStatus>;
  /** To this process alone. Nothing happens once it has ended. */
  signal(name: NodeJS.Signals): void;
};
export type Child = Process & {
  /** Resolves when it is ready; stays pending for ever if it never is, or ends. */
  ready: Promise<void>;
  /** Why its readiness cannot be seen; null when it can. */
  readinessUnknown: string | null;
};

/** A process for good: pids are used again, start times are not. */
export type ProcessId = { pid: number; started: string };

/** What one process of ours uses now. */
export type ProcessUse = ProcessId & {
  parent: number;
  /** As the kernel calls it: `convert`. */
  name: string;
  /** The file that it runs, without folders: `ruby3.1`; null where that cannot be read. */
  program: string | null;
  /** The child in whose tree it is. */
  child: ChildName;
  /** Its own memory and its part of what it shares, swapped out or not; from a quick look an estimate, rather too high. */
  bytes: number;
};
export type MemoryReading = {
  atMs: number;
  /** Shared pages were counted, not estimated. */
  exact: boolean;
  processes: readonly ProcessUse[];
  /** We ourselves. */
  ownBytes: number;
  /** What the cgroup of the quota counts, without what the kernel can drop; null where only the sum is known. */
  cgroupBytes: number | null;
  /** CPU time that the reading took, where it was exact; else 0. */
  costMs: number;
};
export type MemoryReader = {
  read(exact: boolean): MemoryReading;
  /** Whether the kernel gave a pid since the last reading: a new process may be ours. Costs 0.01 ms, a reading far more. */
  hasNewProcess(): boolean;
  /** Calls when the kernel itself says that memory is short; costs nothing until then. Not everywhere. */
  onPressure(listener: () => void): Cancel;
};

/** The texts of what limits one cgroup; null where there is no such file, or none that we may read. */
export type CgroupLimits = {
  cgroup: Cgroup;
  /** memory.max; memory.limit_in_bytes of version 1. */
  max: string | null;
  /** memory.high, from which on the kernel slows its processes down; version 1 has none. */
  high: string | null;
  /** memory.swap.max, of swap alone; memory.memsw.limit_in_bytes of version 1, of memory and swap together. */
  swap: string | null;
};
/** What the kernel says of the memory that we may have, as it says it. */
export type MemoryFacts = {
  /** Our own cgroups and those above them, in which a tighter limit may stand. */
  cgroups: readonly CgroupLimits[];
  /** Of the whole machine; null where /proc/meminfo does not say. */
  memTotalBytes: number | null;
  swapTotalBytes: number | null;
};

/** Processes that outlived every child, each as `name (pid 12)`. */
export type Leftovers = { ended: readonly string[]; killed: readonly string[] };

export type Cancel = () => void;
export type Clock = {
  /** Milliseconds of the monotonic clock. */
  now(): number;
  after(ms: number, run: () => void): Cancel;
};

/** Everything that the supervisor and the release do to the machine. */
export type Host = {
  clock: Clock;
  spawn(spec: ChildSpec): Child;
  /** A one-shot command; output to ours. */
  runCommand(step: ReleaseStep): Promise<Process>;
  /** Also gives the requests that came before a listener was there, and no copies of the first SIGINT. */
  onSignal: (listener: (request: Request) => void) => Cancel;
  /** Remembers every descendant that lives now. */
  scan(): void;
  /** Whether a signal that is handed on would be heard: a program that has not asked for it yet dies of it or stops, as a puma does
   * that is just starting itself anew. */
  canHandle: (child: ChildName, signal: ForwardedSignal) => boolean;
  /** Calls back once this child has nothing in hand any more, its quiet signal sent; never where that cannot be seen. */
  whenIdle(spec: ChildSpec, idle: () => void): Cancel;
  /** SIGKILL for a child that lives, and its whole tree. */
  killTree(child: ChildName): void;
  /** Ends what outlived a child that has ended, as `sweep` does. */
  reap(child: ChildName, killAtMs: number): Promise<Leftovers>;
  /** Ends one process in the tree of a child: TERM, and KILL when `killAfterMs` have passed (0: KILL at once, null: never). Nothing
   * happens to a process that is not ours, or not the same any more. */
  endProcess(process: ProcessId, killAfterMs: number | null): void;
  /** Has the kernel take this process of ours before any other, when it has to take one. */
  preferForOomKill(process: ProcessId): void;
  /** SIGKILL for everything that is ours, now; says what that was beside the children, as `name (pid 12)`. */
  killAll(): readonly string[];
  /** Ends what outlived the children: TERM, and KILL when `untilMs` is over; for what has left its session a second later. */
  reapAll(untilMs: number): Promise<Leftovers>;
};
