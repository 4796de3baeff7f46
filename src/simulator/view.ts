/** What can be seen of a simulation from outside it: the terminal, the page and the rehearsal read nothing else. Times of
 * day are milliseconds since the epoch, memory is bytes. */
export type View = {
  atMs: number;
  app: AppView;
  release: ReleaseView;
  dynos: readonly DynoView[];
  /** Requests at the edge that have no whole answer yet, WebSockets and event streams not among them. */
  openRequests: number;
  /** WebSockets and event streams through the edge. */
  openStreams: number;
  /** Those of them that an action of ours opened. */
  ownStreams: number;
  logReader: LogPace;
  timeScale: number;
};

export type AppView = {
  folder: string;
  /** The embedded stand-ins run, not what the checkout holds. */
  standIns: boolean;
  /** Where the edge answers: `http://localhost:5006`. */
  url: string;
};

export type ReleaseView = {
  version: number;
  state: 'running' | 'succeeded' | 'failed' | 'none';
  /** Of its command, while that runs. */
  processes?: readonly ProcessView[];
};

/** The platform's own words for it; `cooling off` is a crashed one that waits for its restart. */
export type DynoState = 'starting' | 'up' | 'crashed' | 'cooling off' | 'stopping' | 'down';

export type DynoView = {
  /** `web.1` */
  name: string;
  state: DynoState;
  sinceMs: number;
  /** In a row, since the last deploy or restart by hand. */
  crashes: number;
  /** When it starts again by itself; null unless it cools off. */
  restartsAtMs: number | null;
  quotaBytes: number;
  /** The one that serves, or boots, first; then those of an earlier release or life that still drain. */
  runs: readonly RunView[];
};

/** One life of a dyno: from the start of its command to the end of its last process. */
export type RunView = {
  id: number;
  phase: 'starting' | 'up' | 'stopping';
  startedAtMs: number;
  /** null for a life that is only about to begin. */
  port: number | null;
  /** All of its processes together; null where this machine does not tell. */
  bytes: number | null;
  /** In the order of the tree, parents before their children. */
  processes: readonly ProcessView[];
};

export type ProcessView = {
  pid: number;
  /** 0 for the first process of the dyno. */
  depth: number;
  /** `shell`, `supervisor`, `puma`, `sidekiq`, `streaming`, `rails`, or the program's name. Those below one of them in the
   * tree carry its name too when they are what it forked: `puma worker`. */
  label: string;
  /** What the process list shows of it. */
  title: string;
  bytes: number | null;
};

/** A line of the platform's log. */
export type LogLine = {
  atMs: number;
  source: 'heroku' | 'app';
  /** `web.1`, `release.2`, `router`, `api` */
  from: string;
  text: string;
};

/** Something that a person wants to see on the time axis. */
export type Happening = {
  atMs: number;
  /** null where it concerns all of them. */
  dyno: string | null;
  kind: 'release' | 'state' | 'error-code' | 'exit' | 'action';
  /** Short enough for a mark in a plot: `R14`, `up`, `deploy`, `exit 137`. */
  mark: string;
  text: string;
  /** Of an exit: the status, and how many processes of the dyno were still there after its first one and had to be killed. */
  exit?: { status: number; left: number };
};

/** How fast the platform reads what the dynos print. */
export type LogPace = 'full' | 'slow' | 'stalled';
