import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { Place } from '../plan/place.ts';
import { readOpenFiles } from './open-files.ts';

type Jemalloc = { enabled: boolean; file: string | null };
const NO_JEMALLOC: Jemalloc = { enabled: false, file: null };

/** How Debian calls this machine's architecture. */
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
/** What gaffneyc/heroku-buildpack-jemalloc and heroku-community/apt bring, Debian's package, and the usual places. */
const JEMALLOC_PLACES = [
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
export function readPlace(runId: string, jemalloc = NO_JEMALLOC): Place {
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
const FIT_FOR_SOCKETS = /^[\w./-]{1,85}$/;

function socketFolder(runId: string): string {
  const folder = join(tmpdir(), runId);
  return FIT_FOR_SOCKETS.test(folder) ? folder : join('/tmp', runId);
}

/** `file` alone where it is named. For the loader a name needs a slash: others it would look up by itself. */
function findJemalloc(file: string | null): string | null {
  const places = file === null ? JEMALLOC_PLACES : [resolve(file)];
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
