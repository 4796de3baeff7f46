import { rmSync } from 'node:fs';

/** Takes a stale socket away: streaming does not start over one. */
export function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // then the child says what is wrong with it
  }
}
