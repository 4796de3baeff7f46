/** Facts about the machine and the folder that the plan depends on. */
export type Machine = {
  folder: string;
  /** Which paths of a Mastodon checkout exist in the folder. */
  has: Readonly<Record<'config/puma.rb' | 'config/environment.rb' | 'streaming', boolean>>;
  /** The text of config/sidekiq.yml; null if there is no such file. */
  sidekiqYml: string | null;
  /** A random name for this run. */
  runId: string;
  /** The folder for the sockets behind a router. It does not exist yet; its path is short enough for a socket's
   * path. */
  socketFolder: string;
  /** Random, from 0 to 1. Spreads periodic restarts, so that they do not happen in every dyno at once. */
  jitter: number;
  /** Path of the jemalloc library; null if none was found. */
  jemalloc: string | null;
  /** The memory that this dyno may use; null if no limit was found. */
  quota: Quota | null;
  /** null if the limit is not known. */
  openFiles: OpenFiles | null;
};

/** limit: the maximum number of file descriptors of this process (`ulimit -n`). open: how many are open already. */
export type OpenFiles = { limit: number; open: number };

export type Quota = {
  bytes: number;
  /** Where the figure comes from: `SUPERVISE_MEMORY_QUOTA`, or a file of the cgroup. */
  source: string;
  /** Percentage of the quota at which the platform kills the dyno. */
  killsAtPercent: number;
  /** The cgroup whose limit is the quota: its own count is then the total. null: the total is the sum over the
   * dyno's processes. */
  cgroup: Cgroup | null;
};
export type Cgroup = { version: 1 | 2; folder: string };
