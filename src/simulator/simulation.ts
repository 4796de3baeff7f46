import type { Action, Answer, LogPace } from './action.ts';

/** The visible state of a simulation. The terminal, the page and the rehearsal read nothing else. Times are
 * milliseconds since the epoch, memory is bytes. */
export type View = {
  atMs: number;
  app: AppView;
  release: ReleaseView;
  dynos: readonly DynoView[];
  /** Unfinished requests at the edge, without WebSockets and event streams. */
  openRequests: number;
  /** Open WebSockets and event streams at the edge. */
  openStreams: number;
  /** Streams opened by the open-stream action. */
  ownStreams: number;
  logReader: LogPace;
  timeScale: number;
};

type AppView = {
  folder: string;
  /** The embedded stand-ins run instead of the checkout's commands. */
  standIns: boolean;
  /** The URL of the edge: `http://localhost:5006`. */
  url: string;
};

export type ReleaseView = {
  version: number;
  state: 'running' | 'succeeded' | 'failed' | 'none';
  /** Processes of the release command while it runs. */
  processes?: readonly ProcessView[];
};

/** The platform's own terms. A dyno in `cooling off` has crashed and waits for its restart. */
export type DynoStatus = 'starting' | 'up' | 'crashed' | 'cooling off' | 'stopping' | 'down';

export type DynoView = {
  /** `web.1` */
  name: string;
  state: DynoStatus;
  sinceMs: number;
  /** Consecutive crashes since the last deploy or manual restart. */
  crashes: number;
  /** When the dyno restarts by itself. null unless it is cooling off. */
  restartsAtMs: number | null;
  quotaBytes: number;
  /** The serving or booting instance first, then the draining ones. */
  runs: readonly RunView[];
};

/** One instance of a dyno, from the start of its command to the exit of its last process. */
export type RunView = {
  id: number;
  phase: 'starting' | 'up' | 'stopping';
  startedAtMs: number;
  /** null before the instance has started. */
  port: number | null;
  /** All processes together. null where the machine does not report memory. */
  bytes: number | null;
  /** In tree order: parents before their children. */
  processes: readonly ProcessView[];
};

export type ProcessView = {
  pid: number;
  /** 0 for the dyno's first process. */
  depth: number;
  /** `shell`, `supervisor`, `puma`, `sidekiq`, `streaming`, `rails`, or the program's name. Children that one of them
   * forked carry its name: `puma worker`. */
  label: string;
  /** The command line as `ps` shows it. */
  title: string;
  bytes: number | null;
};

/** A line of the platform's log. */
export type LogLine = {
  atMs: number;
  source: 'heroku' | 'app';
  /** `web.1`, `release.2`, `router` or `api` */
  from: string;
  text: string;
};

/** An event that the page marks on the time axis. */
export type PlatformEvent = {
  atMs: number;
  /** null: the event concerns all dynos. */
  dyno: string | null;
  kind: 'release' | 'state' | 'error-code' | 'exit' | 'action';
  /** Short enough to label a mark in a plot: `R14`, `up`, `deploy`, `exit 137`. */
  label: string;
  text: string;
  /** Only for exits: the exit status, and how many processes outlived the first one and were killed. */
  exit?: { status: number; orphans: number };
};

export type Cancel = () => void;

/** A running simulation, as the terminal, the page and the rehearsal see it. */
export type Simulation = {
  view(): View;
  /** Never rejects: errors are in the answer. */
  act(action: Action): Promise<Answer>;
  /** Called for each new line of the platform's log. */
  onLine(listener: (line: LogLine) => void): Cancel;
  onEvent(listener: (event: PlatformEvent) => void): Cancel;
  /** Called after each memory measurement and each state change. */
  onView(listener: () => void): Cancel;
};
