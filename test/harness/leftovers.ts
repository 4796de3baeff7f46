import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { eventually } from './eventually.ts';
import { RunProcesses } from './run-processes.ts';

/** Names of temporary files of the tests, the supervisor, the scripts and ImageMagick. */
const TEMPORARY_NAME = /^(mst|test|mstdn-supervise|mstdn-dev|memory-of-a-dyno|mastodon|magick)-/;
/** The supervisor's folder for sockets when the path of TMPDIR is too long. */
const FALLBACK_TMPDIR = '/tmp';

/** Describes and removes what a run of tests has left behind. */
export type RunLeftovers = { left: () => Promise<string[]>; clear: () => void };

/** Fails the run if a process, a temporary folder or a socket outlives it, and names them. */
export default function setup(): () => Promise<void> {
  const leftovers = isolateRun();
  return async () => {
    const left = await leftovers.left();
    if (left.length === 0) return;
    process.exitCode = 1; // Vitest only prints what a teardown throws
    throw new Error(`left behind by this run:\n${left.join('\n')}`);
  };
}

/**
 * Gives this run a temporary folder. Its path also marks the processes of the run: it is in TMPDIR and, because the dynos of the tests
 * get few variables, at the end of PATH. left: describes what is left. clear: ends and removes it; called at the exit of this process
 * as well.
 */
export function isolateRun(): RunLeftovers {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mst-')));
  chmodSync(folder, 0o1777); // as /tmp: PostgreSQL's server runs as another user
  Object.assign(process.env, { TMPDIR: folder, PATH: `${process.env.PATH}${delimiter}${folder}` });
  const processes = new RunProcesses(folder);
  const before = new Set(staleSocketFolders());
  const clear = (): void => {
    processes.kill();
    unmount(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', clear); // after an interruption too
  const newSocketFolders = (): string[] => staleSocketFolders().filter((description) => !before.has(description));
  const findLeft = (): string[] => [...processes.describeLiving(), ...filesLeft(folder), ...newSocketFolders()];
  return { left: () => findRemaining(findLeft), clear };
}

/** Unmounts what an interrupted scenario mounted in the folder. */
function unmount(folder: string): void {
  if (!existsSync('/proc/mounts')) return;
  const mountPoints = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? []);
  for (const path of mountPoints) if (path.startsWith(`${folder}/`)) spawnSync('umount', ['--lazy', path]);
}

/** A process that was killed as the last test ended may take a moment to exit. */
async function findRemaining(findLeft: () => string[]): Promise<string[]> {
  try {
    await eventually(() => {
      if (findLeft().length > 0) throw new Error('not empty yet');
    }, 2000);
    return [];
  } catch {
    return findLeft();
  }
}

/** Socket folders of supervisors that have exited. */
function staleSocketFolders(): string[] {
  const folders = existsSync(FALLBACK_TMPDIR) ? readdirSync(FALLBACK_TMPDIR) : [];
  const pidOf = (name: string): string | undefined => /^mstdn-supervise-(\d+)-/.exec(name)?.[1];
  const hasExited = (pid: string | undefined): boolean => pid !== undefined && !existsSync(`/proc/${pid}`);
  return folders.filter((name) => hasExited(pidOf(name))).map((name) => `folder ${join(FALLBACK_TMPDIR, name)}`);
}

function filesLeft(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket() || TEMPORARY_NAME.test(entry.name))
    .map((entry) => `${entry.isSocket() ? 'socket' : 'folder'} ${join(entry.parentPath, entry.name)}`);
}
