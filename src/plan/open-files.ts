import type { OpenFiles } from './machine.ts';
import type { Routes } from './router-plan.ts';
import type { ChildSpec } from './spec.ts';

/** Descriptors of the supervisor beside those that are open when the limit is read. test/process/open-files.test.ts runs at
 * the lowest limit that these allow. */
const OWN = {
  /** stdout and stderr opened once more: one each for a pipe, two each for the relay of a socket. */
  outputs: 4,
  /** While a process starts: libuv's pair for the error of exec, and the child's ends of two pipes. */
  start: 4,
  /** The memory guard keeps /proc/loadavg open, and an inotify instance. */
  memory: 2,
  /** A file that is read, a module that is loaded, a name that is looked up; free for the last line. */
  reserve: 2,
  /** The port, and a connection beyond the maximum, which is accepted only to be closed. */
  router: 2,
} as const;
/** A server is asked over HTTP whether it is ready. */
const OF_A_PROBE = 1;
/** With a prefix, stdout and stderr of a child are pipes to us. */
const OF_A_PREFIX = 2;

/** Bound on the router's memory: a connection takes some kilobytes. */
const MAX_CONNECTIONS = 10_000;
/** The default soft limit of Linux (INR_OPEN_CUR), for which programs are written. It leaves the router about 490 connections,
 * more than twice as many as may wait for an upstream; below it puma and sidekiq may run out of descriptors, too. */
const ENOUGH = 1024;
/** Where the limit is not known (no /proc): the default of macOS. */
const UNKNOWN: OpenFiles = { limit: 256, open: 30 };

const SUBJECT = 'open files (ulimit -n)';
const REMEDY =
  'raise it with `ulimit -n 65536`, LimitNOFILE=65536 (systemd) or `docker run --ulimit nofile=65536:65536`';

type Running = { children: readonly ChildSpec[]; isPrefixed: boolean };

/** What a plan needs of the limit. */
export type FilesPlan = {
  openFiles: OpenFiles | null;
  /** The lowest limit at which it runs. */
  needed: number;
  /** How many clients may be connected to the router at the same time; null without a router. */
  maxConnections: number | null;
};

export function filesPlan(openFiles: OpenFiles | null, running: Running, router: Routes | null): FilesPlan {
  const { limit, open } = openFiles ?? UNKNOWN;
  const own = open + ownFiles(running);
  if (router === null) return { openFiles, needed: own, maxConnections: null };
  const free = limit - own - OWN.router;
  const maxConnections = Math.max(0, Math.min(MAX_CONNECTIONS, connectionsWith(free, router)));
  return { openFiles, needed: own + OWN.router + filesFor(1, router), maxConnections };
}

/** Why this plan cannot run at all. */
export function filesProblems({ openFiles, needed }: FilesPlan): string[] {
  if (openFiles === null || openFiles.limit >= needed) return [];
  return [`${SUBJECT}: the limit of ${openFiles.limit} is too low, this dyno needs at least ${needed}; ${REMEDY}`];
}

export function filesWarnings({ openFiles, maxConnections: most }: FilesPlan): string[] {
  if (openFiles === null || openFiles.limit >= ENOUGH) return [];
  const { limit } = openFiles;
  const effect =
    most === null
      ? `the limit of ${limit} is below ${ENOUGH}, and the child processes inherit it`
      : `the limit of ${limit} allows ${most} client connection${most === 1 ? '' : 's'} at the same time, and the child processes inherit it`;
  return [`${SUBJECT}: ${effect}; ${REMEDY}`];
}

function ownFiles({ children, isPrefixed }: Running): number {
  const probes = children.filter(({ ready }) => ready.by === 'http').length * OF_A_PROBE;
  const prefixes = isPrefixed ? children.length * OF_A_PREFIX : 0;
  return OWN.outputs + OWN.start + OWN.memory + OWN.reserve + probes + prefixes;
}

/** Each client takes a descriptor, and one of the upstream that answers it. Connections to puma that are kept for the next
 * request may be idle while every client is connected to streaming. */
function filesFor(connections: number, { puma, streaming }: Routes): number {
  return 2 * connections + (streaming === null ? 0 : Math.min(puma.keeps, connections));
}

/** The inverse of `filesFor`. */
function connectionsWith(free: number, router: Routes): number {
  const idle = router.streaming === null ? 0 : router.puma.keeps;
  return free < 3 * idle ? Math.floor(free / 3) : Math.floor((free - idle) / 2);
}
