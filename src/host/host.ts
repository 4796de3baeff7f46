import type { ExitStatus } from '../exit-status.ts';
import type { ChildSpec, Step } from '../plan/spec.ts';

/** Signals that end the dyno. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** Signals that are for a kind of child. */
export type HandedOnSignal = 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2';

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
  notWatched: string | null;
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
  run(step: Step): Promise<Process>;
  /** Hears what came before it was called as well. */
  onSignal: (listener: (signal: StopSignal | HandedOnSignal) => void) => Cancel;
  /** Remembers every descendant that lives now. */
  look(): void;
  /** SIGKILL for everything that is ours, now; says what that was beside the children, as `name (pid 12)`. */
  killAll(): readonly string[];
  /** Ends what outlived the children: TERM, a second later KILL, KILL at once when `untilMs` is over. */
  sweep(untilMs: number): Promise<Leftovers>;
};
