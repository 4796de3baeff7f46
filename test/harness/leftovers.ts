import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { eventually } from './eventually.ts';
import { RunProcesses } from './run-processes.ts';

/** Names of what the tests, the supervisor, the scripts and ImageMagick make for a while. */
const OURS = /^(mst|test|mstdn-supervise|mstdn-dev|memory-of-a-dyno|mastodon|magick)-/;
/** Where the supervisor puts its sockets when the path of TMPDIR is too long for them, with its process id. */
const FALLBACK = '/tmp';

/** A run of tests or stories, which has a folder for all that is temporary. */
export type Bounds = { left: () => Promise<string[]>; clear: () => void };

/** Holds that no process, temporary folder or socket of this run outlives it: fails the run and names what did. */
export default function setup(): () => Promise<void> {
  const bounds = bound();
  return async () => {
    const left = await bounds.left();
    if (left.length === 0) return;
    process.exitCode = 1; // Vitest only prints what a teardown throws
    throw new Error(`left behind by this run:\n${left.join('\n')}`);
  };
}

/**
 * Gives this process a temporary folder, whose path is also the mark by which the processes of the run are known: it stands in
 * TMPDIR and, because the dynos of the tests get few variables, at the end of PATH. left: what is still there. clear: ends
 * and removes it, which the end of this process does at the latest.
 */
export function bound(): Bounds {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mst-')));
  chmodSync(folder, 0o1777); // as /tmp: PostgreSQL's server runs as another user
  Object.assign(process.env, { TMPDIR: folder, PATH: `${process.env.PATH}${delimiter}${folder}` });
  const processes = new RunProcesses(folder);
  const before = new Set(ownerless());
  const clear = (): void => {
    processes.kill();
    unmount(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', clear); // after an interruption, too
  const newOnes = (): string[] => ownerless().filter((one) => !before.has(one));
  const look = (): string[] => [...processes.left(), ...filesLeft(folder), ...newOnes()];
  return { left: () => whatStays(look), clear };
}

/** What a story that was interrupted had mounted there. */
function unmount(folder: string): void {
  if (!existsSync('/proc/mounts')) return;
  const places = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? []);
  for (const place of places) if (place.startsWith(`${folder}/`)) spawnSync('umount', ['--lazy', place]);
}

/** What was killed as the last test ended may take a moment to go. */
async function whatStays(look: () => string[]): Promise<string[]> {
  try {
    await eventually(() => {
      if (look().length > 0) throw new Error('not yet gone');
    }, 2000);
    return [];
  } catch {
    return look();
  }
}

/** Folders of sockets of supervisors that are no more. */
function ownerless(): string[] {
  const folders = existsSync(FALLBACK) ? readdirSync(FALLBACK) : [];
  const pidOf = (name: string): string | undefined => /^mstdn-supervise-(\d+)-/.exec(name)?.[1];
  const isOwnerless = (pid: string | undefined): boolean => pid !== undefined && !existsSync(`/proc/${pid}`);
  return folders.filter((name) => isOwnerless(pidOf(name))).map((name) => `folder ${join(FALLBACK, name)}`);
}

function filesLeft(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket() || OURS.test(entry.name))
    .map((entry) => `${entry.isSocket() ? 'socket' : 'folder'} ${join(entry.parentPath, entry.name)}`);
}
