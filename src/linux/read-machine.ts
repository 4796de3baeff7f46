import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { OpenFiles, Machine } from '../plan/machine.ts';
import { numberAfter, readProcBytes } from './proc-file.ts';

type Jemalloc = { enabled: boolean; file: string | null };
const NO_JEMALLOC: Jemalloc = { enabled: false, file: null };

/** How Debian calls this machine's architecture. */
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
/** What gaffneyc/heroku-buildpack-jemalloc and heroku-community/apt bring, Debian's package, and the usual places. */
const JEMALLOC_PATHS = [
  '/app/vendor/jemalloc/lib/libjemalloc.so.2',
  '/app/vendor/jemalloc/lib/libjemalloc.so',
  `/app/.apt/usr/lib/${TRIPLET}/libjemalloc.so.2`,
  `/usr/lib/${TRIPLET}/libjemalloc.so.2`,
  '/usr/lib64/libjemalloc.so.2',
  '/usr/lib/libjemalloc.so.2',
  '/usr/local/lib/libjemalloc.so.2',
];

/** A random name for a run, with our pid in it: by that a ready file is known to be nobody's any more. */
export function newRunId(): string {
  return `mstdn-supervise-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
}

/** Looks at the folder that we were started in, and for jemalloc where it is enabled: in `file`, or in the known places.
 * The quota is somebody else's to find.
 * @throws ConfigError when the folder is gone, or this user may not enter it. */
export function readMachine(runId: string, jemalloc = NO_JEMALLOC): Machine {
  const folder = currentFolder();
  const has = (path: string): boolean => existsSync(join(folder, path));
  return {
    folder,
    runId,
    socketFolder: socketFolder(runId),
    jitter: Math.random(),
    jemalloc: jemalloc.enabled ? findJemalloc(jemalloc.file) : null,
    quota: null,
    openFiles: readOpenFiles(),
    has: {
      'config/puma.rb': has('config/puma.rb'),
      'config/environment.rb': has('config/environment.rb'),
      streaming: has('streaming'),
    },
    sidekiqYml: readText(join(folder, 'config/sidekiq.yml')),
  };
}

/** A folder whose sockets anybody can open: the path of one is cut off after 107 bytes (unix(7), macOS 103), and Mastodon's
 * config/puma.rb makes it part of an address, where nothing is quoted. */
const VALID_SOCKET_FOLDER = /^[\w./-]{1,85}$/;

function socketFolder(runId: string): string {
  const folder = join(tmpdir(), runId);
  return VALID_SOCKET_FOLDER.test(folder) ? folder : join('/tmp', runId);
}

/** `file` alone where it is named. For the loader a name needs a slash: others it would look up by itself. */
function findJemalloc(file: string | null): string | null {
  const places = file === null ? JEMALLOC_PATHS : [resolve(file)];
  return places.find((place) => existsSync(place)) ?? null;
}

function currentFolder(): string {
  const folder = workingFolder();
  const closed = outermostClosed(folder);
  if (closed === null) return folder;
  const user = `user ${process.getuid?.() ?? ''} may not enter ${closed}`;
  throw new ConfigError([`working folder ${folder}: ${user}; run as its owner, or allow it with: chmod o+x ${closed}`]);
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new ConfigError(['the folder that we were started in is gone']);
  }
}

/** The kernel lets a process stay in a folder that it may not enter, but no child can be started there. Gives that folder, or
 * the outermost one above it that is closed; null where all are open. */
function outermostClosed(folder: string): string | null {
  if (mayEnter(folder)) return null;
  const parent = dirname(folder);
  return (parent === folder ? null : outermostClosed(parent)) ?? folder;
}

function mayEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** The limit of open files, sockets included, and how many are open now; null where /proc does not say. Node has raised the
 * soft limit to the hard one. */
export function readOpenFiles(): OpenFiles | null {
  const limits = readProcBytes('/proc/self/limits');
  if (limits.length === 0) return null;
  const soft = numberAfter(limits, 'Max open files');
  const limit = Number.isNaN(soft) ? Infinity : soft; // `unlimited`
  return { limit, open: openBelow(limit) };
}

/** A descriptor that was inherited with a number above the limit takes nothing of it. */
function openBelow(limit: number): number {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => Number(fd) < limit).length - 1; // one of them reads the folder
  } catch {
    return 0; // a container whose /proc does not show them
  }
}

/** What this machine does not let us do, a sentence each with the remedy, for the boot log. guarded: the children hear of
 * our death. */
export function platformWarnings(guarded: boolean): string[] {
  const limits: string[] = [];
  if (process.pid === 1) {
    limits.push('running as PID 1, where nobody reaps orphans: start with an init (docker run --init, tini)');
  }
  if (process.platform !== 'linux') {
    limits.push(`no /proc on ${process.platform}: processes that leave their group are not found after the end`);
    limits.push(`no parent-death signal on ${process.platform}: children live on if the supervisor is SIGKILLed`);
    return limits;
  }
  if (!existsSync('/proc/self/stat')) {
    limits.push(
      "no /proc: leftover processes outside their child's process group cannot be found or ended; mount it (mount -t proc proc /proc)",
    );
  }
  if (!guarded) {
    limits.push('no setpriv --pdeathsig (package util-linux): children live on if the supervisor is SIGKILLed');
  }
  return limits;
}
