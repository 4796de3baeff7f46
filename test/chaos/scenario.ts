/**
 * One run of a dyno, planned in advance: its settings, how its child processes behave, and which faults are injected when.
 * The children are small Perl programs (test/fixtures/chaos-child.pl) that can behave in any way. Plain data.
 */
export type Scenario = {
  role: 'web' | 'worker';
  /** Of a web dyno. */
  hasSidekiq: boolean;
  hasRouter: boolean;
  streaming: 'none' | 'inline' | 'on-demand';
  /** Sidekiq starts only once puma is ready. */
  sidekiqWaits: boolean;
  hasPrefix: boolean;
  stdout: 'pipe' | 'socket' | 'file';
  /** The checkout's tmp/, where sidekiq's ready file belongs. */
  tmp: 'writable' | 'missing' | 'full';
  /** The highest threshold of the memory guard that a growing child can pass. */
  memory: 'off' | 'act' | 'emergency';
  /** Other processes compete for the CPU. */
  isCpuBusy: boolean;
  misconfiguration: Misconfiguration | null;
  behaviors: { readonly [child in ChildName]: Behavior };
  faults: readonly ScheduledFault[];
};

/** Configuration errors, each of which the supervisor detects before it starts a child. */
export type Misconfiguration = 'invalid-setting' | 'command-not-found' | 'not-executable' | 'port-taken';

/** How a child behaves. Times count from its start unless stated otherwise. */
export type Behavior = {
  startupMs: number;
  /** afterMs: from TERM to the exit. */
  onTerm: { kind: 'exit'; code: number; afterMs: number } | { kind: 'signal'; afterMs: number } | { kind: 'ignore' };
  /** An exit that was not requested. */
  crash:
    | { kind: 'exit'; code: number; afterMs: number }
    | { kind: 'signal'; signal: NodeJS.Signals; afterMs: number }
    | null;
  daemon: { kind: 'follow' | 'ignore' | 'bare' | 'double' | 'successor' | 'loud'; afterMs: number } | null;
  /** The work is done by a second process: behind a start script, or in a session of its own. */
  wrapper: 'script' | 'session' | null;
  lines: number;
  /** Once ready, the child writes half a line, and after a pause the rest of it. */
  midLinePause: { forMs: number } | null;
  grows: { kind: 'helper' | 'self'; afterMs: number } | null;
};

/** atMs: after the exec of the supervisor. */
export type ScheduledFault = { atMs: number; fault: Fault };

export type Fault =
  ProcessFault<Target> | { type: 'request'; request: RequestKind } | { type: 'step-clock'; seconds: number };

/** stop: the signal of a platform; signal, kill, suspend, resume: of one process. */
export type ProcessFault<T> =
  | { type: 'stop'; signal: StopSignal; target: 'supervisor' | 'all' | 'all-supervisor-last' }
  | { type: 'signal'; signal: StopSignal | 'SIGTTIN' | 'SIGUSR1' | 'SIGUSR2'; target: T }
  | { type: 'kill' | 'suspend' | 'resume'; target: T }
  | ReaderFault;

/** What the reader of the dyno's log does. */
export type ReaderFault = { type: 'stall-reader' | 'resume-reader' | 'close-reader' };

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** wrapped: the process that works behind a wrapper; helper: the growing process that a child has started; relay: the process that
 * copies the log. */
export type Target = ChildName | 'wrapped' | 'supervisor' | 'daemon' | 'helper' | 'relay';
export type ChildName = 'puma' | 'sidekiq' | 'streaming';
export type RequestKind = 'echo' | 'slow' | 'big' | 'post' | 'stream' | 'upgrade';

export const CHILD_NAMES: readonly ChildName[] = ['puma', 'sidekiq', 'streaming'];

/** The children of the dyno. All of them run all the time, except streaming on demand. */
export function childrenOf({ role, hasSidekiq, streaming }: Scenario): readonly ChildName[] {
  if (role === 'worker') return ['sidekiq'];
  return CHILD_NAMES.filter((name) => name === 'puma' || (name === 'sidekiq' ? hasSidekiq : streaming !== 'none'));
}

/** Whether the router listens in front of puma and streaming. */
export function isRouted({ role, hasRouter, streaming }: Scenario): boolean {
  return role === 'web' && (hasRouter || streaming !== 'none');
}

/** A run with the real puma, sidekiq and Redis: the load they have all the time, and which faults are injected when. */
export type RealScenario = {
  role: 'web' | 'worker';
  /** Of a web dyno. */
  hasSidekiq: boolean;
  hasRouter: boolean;
  /** Rails, which boots slowly, instead of a small Rack app. */
  isRails: boolean;
  /** A master and a worker of puma instead of one process. */
  hasCluster: boolean;
  sidekiqWaits: boolean;
  hasPrefix: boolean;
  isCpuBusy: boolean;
  /** The kinds follow one another in turn for as long as the dyno lives. */
  jobs: { everyMs: number; kinds: readonly JobKind[] };
  requests: { everyMs: number; kinds: readonly RealRequestKind[] };
  faults: readonly ScheduledRealFault[];
};

/** lingerMs: for how long the job goes on after sidekiq has interrupted it. */
export type JobKind = { durationMs: number; lingerMs: number };
export type RealRequestKind = {
  durationMs: number;
  sizeBytes: number;
  isPost: boolean;
  isChunked: boolean;
  keepAlive: boolean;
};

export type ScheduledRealFault = { atMs: number; fault: RealFault };
export type RealFault = ProcessFault<RealChild | 'supervisor'> | { type: 'restart-redis'; downMs: number };
export type RealChild = 'puma' | 'sidekiq';

export function runsChild({ role, hasSidekiq }: RealScenario, child: RealChild): boolean {
  return child === 'puma' ? role === 'web' : role === 'worker' || hasSidekiq;
}

export function reaches(fault: RealFault, child: RealChild): boolean {
  return 'target' in fault && (fault.target === child || fault.target === 'all');
}
