import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Makes the folder for the sockets of puma and streaming, which only our user may enter. Throws the system's error when the path
 * exists already: it may not be ours. */
export function makeSocketFolder(path: string): void {
  mkdirSync(path, { mode: 0o700 });
}

/** Removes a file, or with `recursive` a folder. A stale socket has to go before a start: no server can bind to a path that exists. */
export function removeIfPossible(path: string, recursive = false): void {
  try {
    rmSync(path, { recursive, force: true });
  } catch {
    // The disk is read-only, or the path is something else: a child that needs it reports that.
  }
}

/** Makes the file that the child touches when it is ready. The supervisor reports a full disk or a read-only folder before the
 * start, so that the child never fails on it. */
export function makeReadyFile(file: string): Error | null {
  try {
    mkdirSync(dirname(file), { recursive: true });
    removeStale(dirname(file));
    removeIfPossible(file); // from an earlier start
    writeFileSync(file, '', { flag: 'wx' });
    utimesSync(file, 0, 0);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Removes the files of supervisors that were SIGKILLed: their names contain a pid that no process has. */
function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^mstdn-supervise-(\d+)-.*\.ready$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeIfPossible(join(folder, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function isTouched(file: string): boolean {
  try {
    return statSync(file).mtimeMs > 0;
  } catch {
    return false; // missing, or stat fails
  }
}
