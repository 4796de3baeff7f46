import { mkdirSync, rmSync } from 'node:fs';

/** Makes a folder that only we may enter; what stands there already is never taken for ours. Throws what the system says. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { mode: 0o700 });
}

/** Takes it away with all that is in it. */
export function removePrivateFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // a disk that is read-only by now: the platform throws it away with the dyno
  }
}
