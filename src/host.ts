import type { ExitStatus } from './exit-status.ts';
import type { Cgroup } from './plan/machine.ts';
import type { ChildName, ChildSpec, ReleaseStep } from './plan/spec.ts';

/** Signals that end the dyno. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** Signals that are forwarded to one kind of child. */
export type ForwardedSignal = 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2';
/** A signal to a dyno or a release. The second Ctrl-C, which kills everything, is recognized in process/signals.ts only. */
export type ReceivedSignal = StopSignal | ForwardedSignal | 'second-SIGINT';

export type Process = {
  /** null when it could not start. */
  pid: number | null;
  /** Never rejects. It can be awaited after the process has exited. */
  exited: Promise<ExitStatus>;
  /** Signals this process only. Does nothing once it has exited. */
  signal(name: NodeJS.Signals): void;
};
/** A process whose readiness is observed. */
export type ObservedProcess = Process & {
  /** Resolves when the child is ready. Stays pending if it exits first. */
  ready: Promise<void>;
  /** Why its readiness cannot be observed; null when it can. */
  readinessUnknown: string | null;
};

/** Identifies a process for ever: pids are reused, pairs of pid and start time are not. */
export type ProcessId = { pid: number; started: string };

/** The memory that one process of the dyno uses now. */
export type ProcessUse = ProcessId & {
  parent: number;
  /** The kernel's name for it: `convert`. */
  name: string;
  /** The name of its executable file, without folders: `ruby3.1`; null when it cannot be read. */
  program: string | null;
  /** The child in whose tree it is. */
  child: ChildName;
  /** Private memory and its share of shared memory, both with swap. From a quick reading: an estimate, usually too high. */
  bytes: number;
};
export type MemoryReading = {
  atMs: number;
  /** Whether shared pages were counted rather than estimated. */
  exact: boolean;
  processes: readonly ProcessUse[];
  /** The memory of the supervisor itself. */
  ownBytes: number;
  /** The usage of the cgroup that the quota comes from, without memory that the kernel can drop; null without such a cgroup. */
  cgroupBytes: number | null;
  /** CPU time of an exact reading; 0 for a quick one. */
  costMs: number;
};
export type MemoryReader = {
  read(exact: boolean): MemoryReading;
  /** Whether the kernel has assigned a pid since the last reading: a new process may belong to the dyno. Costs 0.01 ms, a reading far
   * more. */
  hasNewProcess(): boolean;
  /** Calls back when the kernel reports that memory is short, and costs nothing until then. Not available on every machine. */
  onPressure(listener: () => void): Cancel;
};

/** The limits of one cgroup as text; null for a file that is missing or that we may not read. */
export type CgroupLimits = {
  cgroup: Cgroup;
  /** memory.max; in version 1 memory.limit_in_bytes. */
  max: string | null;
  /** memory.high, above which the kernel slows the processes down; version 1 has none. */
  high: string | null;
  /** memory.swap.max, for swap alone; in version 1 memory.memsw.limit_in_bytes, for memory and swap together. */
  swap: string | null;
};
/** The kernel's figures about memory, unparsed where they are text. */
export type MemoryFacts = {
  /** Our own cgroups and their ancestors, which may have a lower limit. */
  cgroups: readonly CgroupLimits[];
  /** Of the whole machine; null when /proc/meminfo does not tell. */
  memTotalBytes: number | null;
  swapTotalBytes: number | null;
};

/** Processes that outlived their child, each as `name (pid 12)`. ended: exited after TERM. */
export type Leftovers = { ended: readonly string[]; killed: readonly string[] };

export type Cancel = () => void;
export type Clock = {
  /** Milliseconds of the monotonic clock. */
  now(): number;
  after(ms: number, callback: () => void): Cancel;
};

/** Everything that the supervisor and the release do to the machine. */
export type Host = {
  clock: Clock;
  spawn(spec: ChildSpec): ObservedProcess;
  /** Starts a one-shot command that writes to our own output. */
  runCommand(step: ReleaseStep): Promise<Process>;
  /** The listener also gets the signals that came before it. Copies of the first SIGINT are dropped. */
  onSignal: (listener: (signal: ReceivedSignal) => void) => Cancel;
  /** Remembers every descendant that lives now. */
  scan(): void;
  /** Whether the child would handle a forwarded signal. A program without a handler dies of it or stops, as does a puma that is just
   * re-executing itself. */
  canHandle: (child: ChildName, signal: ForwardedSignal) => boolean;
  /** Calls back once this child has no work left after its quiet signal; never when that cannot be observed. */
  whenIdle(spec: ChildSpec, onIdle: () => void): Cancel;
  /** Sends SIGKILL to a living child and its whole tree. */
  killTree(child: ChildName): void;
  /** Ends the processes that outlived this child: TERM, and KILL at `killAtMs`. */
  reap(child: ChildName, killAtMs: number): Promise<Leftovers>;
  /** Ends one process in the tree of a child: TERM, and KILL after `killAfterMs` (0: KILL at once, null: never). Does nothing if the
   * process does not belong to the dyno, or if its pid has been reused. */
  endProcess(process: ProcessId, killAfterMs: number | null): void;
  /** Makes the kernel kill this process before all others of the dyno when memory runs out. */
  preferForOomKill(process: ProcessId): void;
  /** Sends SIGKILL to every process of the dyno, now. Returns those besides the children, as `name (pid 12)`. */
  killAll(): readonly string[];
  /** Ends the processes that outlived the children: TERM, and KILL at `untilMs`. A process that has left its session is killed a second
   * after its TERM. */
  reapAll(untilMs: number): Promise<Leftovers>;
};
