import { counted } from '../units.ts';
import type { OpenFiles } from './machine.ts';
import type { Routes } from './router-plan.ts';
import type { ChildSpec } from './spec.ts';

/** File descriptors that the supervisor opens after the limit was read. test/process/open-files.test.ts runs at the
 * lowest limit that they allow. */
const OWN_FILES = {
  /** stdout and stderr, opened a second time: one descriptor each for a pipe, two each for the relay of a socket. */
  outputs: 4,
  /** While a process starts: libuv's pipe for an exec error, and the child's ends of two pipes. */
  start: 4,
  /** The memory guard keeps /proc/loadavg and an inotify instance open. */
  memory: 2,
  /** For reading a file, loading a module, looking up a host name; and for the last log line. */
  reserve: 2,
  /** The listening socket, and one connection above the maximum, which is accepted only to be closed. */
  router: 2,
} as const;
/** The HTTP readiness check of a child. */
const FILES_PER_CHECK = 1;
/** With SUPERVISE_LOG_PREFIX, stdout and stderr of a child are pipes to the supervisor. */
const FILES_PER_PREFIX = 2;

/** Bounds the memory of the router: a connection takes a few kilobytes. */
const MAX_CONNECTIONS = 10_000;
/** The default soft limit of Linux (INR_OPEN_CUR), which programs are written for. It leaves about 490 connections
 * for the router, more than twice the length of its queue. Below it, puma and sidekiq may run out of descriptors,
 * too. */
const MIN_RECOMMENDED = 1024;
/** Used if the limit is not known (no /proc): the default of macOS. */
const ASSUMED: OpenFiles = { limit: 256, open: 30 };

const SUBJECT = 'open files (ulimit -n)';
const REMEDY =
  'raise it with `ulimit -n 65536`, LimitNOFILE=65536 (systemd) or `docker run --ulimit nofile=65536:65536`';

type Processes = { children: readonly ChildSpec[]; isPrefixed: boolean };

/** How the plan fits into the limit of open files. */
export type FilesPlan = {
  openFiles: OpenFiles | null;
  /** The lowest limit with which the plan can run. */
  needed: number;
  /** Maximum number of client connections of the router; null without a router. */
  maxConnections: number | null;
};

export function filesPlan(openFiles: OpenFiles | null, processes: Processes, router: Routes | null): FilesPlan {
  const { limit, open } = openFiles ?? ASSUMED;
  const base = open + ownFiles(processes);
  if (router === null) return { openFiles, needed: base, maxConnections: null };
  const free = limit - base - OWN_FILES.router;
  const maxConnections = Math.max(0, Math.min(MAX_CONNECTIONS, connectionsWith(free, router)));
  return { openFiles, needed: base + OWN_FILES.router + filesFor(1, router), maxConnections };
}

/** Why this plan cannot run. */
export function filesProblems({ openFiles, needed }: FilesPlan): string[] {
  if (openFiles === null || openFiles.limit >= needed) return [];
  return [`${SUBJECT}: the limit of ${openFiles.limit} is too low, this dyno needs at least ${needed}; ${REMEDY}`];
}

export function filesWarnings({ openFiles, maxConnections }: FilesPlan): string[] {
  if (openFiles === null || openFiles.limit >= MIN_RECOMMENDED) return [];
  const { limit } = openFiles;
  const effect =
    maxConnections === null
      ? `the limit of ${limit} is below ${MIN_RECOMMENDED}, and the child processes inherit it`
      : `the limit of ${limit} allows ${counted(maxConnections, 'client connection')}, and the child processes inherit it`;
  return [`${SUBJECT}: ${effect}; ${REMEDY}`];
}

function ownFiles({ children, isPrefixed }: Processes): number {
  const probes = children.filter(({ ready }) => ready.kind === 'http').length * FILES_PER_CHECK;
  const prefixes = isPrefixed ? children.length * FILES_PER_PREFIX : 0;
  return OWN_FILES.outputs + OWN_FILES.start + OWN_FILES.memory + OWN_FILES.reserve + probes + prefixes;
}

/** Each client needs two descriptors: its connection, and the one to the upstream. In addition, idle connections to
 * puma may be kept open while every client is connected to streaming. */
function filesFor(connections: number, { puma, streaming }: Routes): number {
  return 2 * connections + (streaming === null ? 0 : Math.min(puma.maxKeptConnections, connections));
}

/** The inverse of `filesFor`. */
function connectionsWith(free: number, router: Routes): number {
  const idle = router.streaming === null ? 0 : router.puma.maxKeptConnections;
  return free < 3 * idle ? Math.floor(free / 3) : Math.floor((free - idle) / 2);
}
