/** What the plan needs to know of where it runs. */
export type Machine = {
  folder: string;
  /** What a Mastodon checkout has there. */
  has: Readonly<Record<'config/puma.rb' | 'config/environment.rb' | 'streaming', boolean>>;
  /** The text of config/sidekiq.yml; null without it. */
  sidekiqYml: string | null;
  /** Random name of this run. */
  runId: string;
  /** Not there yet: the folder of this run for the sockets behind a router, of so few bytes that a socket's path can hold it. */
  socketFolder: string;
  /** Random, from 0 to 1: spreads over time what would otherwise happen in every dyno at once. */
  jitter: number;
  /** The jemalloc library that is there; null without one. */
  jemalloc: string | null;
  /** The memory that this dyno may use; null where nobody says so. */
  quota: Quota | null;
  /** null where the limit is not known. */
  openFiles: OpenFiles | null;
};

/** limit: how many file descriptors this process may have (`ulimit -n`). open: how many it has already. */
export type OpenFiles = { limit: number; open: number };

export type Quota = {
  bytes: number;
  /** Who says so, for a person: `SUPERVISE_MEMORY_QUOTA`, or a file of the cgroup. */
  source: string;
  /** In per cent of the quota: where the platform ends the dyno. */
  killsAtPercent: number;
  /** The cgroup whose limit the quota is, and whose own count is the total therefore; null: the sum over our processes. */
  cgroup: Cgroup | null;
};
export type Cgroup = { version: 1 | 2; folder: string };
