import { mkdirSync, rmSync } from 'node:fs';

/** Makes a folder that only we may enter; what stands there already is never taken for ours. Throws what the system says. */
export function makeSocketFolder(path: string): void {
  mkdirSync(path, { mode: 0o700 });
}

/** Takes it away with all that is in it. */
export function removeSocketFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // a disk that is read-only by now: the platform throws it away with the dyno
  }
}

/** Takes a stale socket away: streaming does not start over one. */
export function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // then the child says what is wrong with it
  }
}
