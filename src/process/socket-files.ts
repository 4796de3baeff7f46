import { mkdirSync, rmSync } from 'node:fs';

/** Makes a folder that only our user may enter. Throws the system's error when the path exists already: it may not be ours. */
export function makeSocketFolder(path: string): void {
  mkdirSync(path, { mode: 0o700 });
}

/** Removes the folder and everything in it. */
export function removeSocketFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The disk has become read-only. The platform discards it with the dyno.
  }
}

/** Removes a stale socket: streaming cannot bind to a path that exists. */
export function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The child will report what is wrong with the path.
  }
}
