import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../exit-status.ts';
import type { OpenFiles, Machine } from '../plan/machine.ts';
import { numberAfter, readProcBytes } from './proc-file.ts';

type Jemalloc = { enabled: boolean; file: string | null };
const NO_JEMALLOC: Jemalloc = { enabled: false, file: null };

/** Debian's name for this machine's architecture. */
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
/** The paths of gaffneyc/heroku-buildpack-jemalloc, heroku-community/apt and Debian's package, and the usual library folders. */
const JEMALLOC_PATHS = [
  '/app/vendor/jemalloc/lib/libjemalloc.so.2',
  '/app/vendor/jemalloc/lib/libjemalloc.so',
  `/app/.apt/usr/lib/${TRIPLET}/libjemalloc.so.2`,
  `/usr/lib/${TRIPLET}/libjemalloc.so.2`,
  '/usr/lib64/libjemalloc.so.2',
  '/usr/lib/libjemalloc.so.2',
  '/usr/local/lib/libjemalloc.so.2',
];

/** A random id for a run. It contains our pid, so that a later run can tell that a ready file is stale. */
export function newRunId(): string {
  return `mstdn-supervise-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
}

/** Reads the facts about the machine and the working folder. If jemalloc is enabled, it is searched for in `file` or in the known
 * paths. The quota is filled in later.
 * @throws ConfigError when the working folder does not exist any more, or this user may not enter it. */
export function readMachine(runId: string, jemalloc = NO_JEMALLOC): Machine {
  const folder = workingFolder();
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

/** A folder whose sockets can be opened: the path of a socket is limited to 107 bytes (unix(7); macOS 103), and Mastodon's
 * config/puma.rb puts it into an address without quoting. */
const VALID_SOCKET_FOLDER = /^[\w./-]{1,85}$/;

function socketFolder(runId: string): string {
  const folder = join(tmpdir(), runId);
  return VALID_SOCKET_FOLDER.test(folder) ? folder : join('/tmp', runId);
}

/** Only `file` if it is set, as an absolute path: the dynamic loader searches for names without a slash itself. */
function findJemalloc(file: string | null): string | null {
  const paths = file === null ? JEMALLOC_PATHS : [resolve(file)];
  return paths.find((path) => existsSync(path)) ?? null;
}

function workingFolder(): string {
  const folder = currentFolder();
  const denied = outermostDenied(folder);
  if (denied === null) return folder;
  const user = `user ${process.getuid?.() ?? ''} may not enter ${denied}`;
  throw new ConfigError([`working folder ${folder}: ${user}; run as its owner, or allow it with: chmod o+x ${denied}`]);
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new ConfigError(['the working folder has been deleted; start again in an existing folder']);
  }
}

/** A process may stay in a folder that it may not enter, but no child can be started there. Returns the outermost such folder on the
 * path; null when all can be entered. */
function outermostDenied(folder: string): string | null {
  if (mayEnter(folder)) return null;
  const parent = dirname(folder);
  return (parent === folder ? null : outermostDenied(parent)) ?? folder;
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

/** The limit of open files, sockets included, and the number that is open; null when /proc does not tell. Node has raised the soft limit
 * to the hard limit. */
export function readOpenFiles(): OpenFiles | null {
  const limits = readProcBytes('/proc/self/limits');
  if (limits.length === 0) return null;
  const soft = numberAfter(limits, 'Max open files');
  const limit = Number.isNaN(soft) ? Infinity : soft; // `unlimited`
  return { limit, open: openBelow(limit) };
}

/** An inherited descriptor above the limit does not count towards it. */
function openBelow(limit: number): number {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => Number(fd) < limit).length - 1; // without the one that reads the folder
  } catch {
    return 0; // /proc of this container does not show them
  }
}

/** What this machine lacks, one sentence each with the remedy, for the boot log. hasPdeathsig: the children get TERM if the supervisor
 * is killed. */
export function platformWarnings(hasPdeathsig: boolean): string[] {
  const warnings: string[] = [];
  if (process.pid === 1) {
    warnings.push(
      'running as PID 1: orphaned processes are not reaped; start it under an init (docker run --init, tini)',
    );
  }
  if (process.platform !== 'linux') {
    warnings.push(
      `no /proc on ${process.platform}: a process that leaves its process group is not ended at the stop; use Linux in production`,
      `no parent-death signal on ${process.platform}: children keep running if the supervisor is killed by SIGKILL; stop it with SIGTERM`,
    );
    return warnings;
  }
  if (!existsSync('/proc/self/stat')) {
    warnings.push(
      "no /proc: leftover processes outside their child's process group cannot be found or ended; mount it (mount -t proc proc /proc)",
    );
  }
  if (!hasPdeathsig) {
    warnings.push(
      'no setpriv --pdeathsig: children keep running if the supervisor is killed by SIGKILL; install util-linux 2.33 or later',
    );
  }
  return warnings;
}
