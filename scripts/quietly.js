// Runs a command of the set-up: one line when it starts, its output only when it fails.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Why we cannot go on, in one line for the person at the terminal. */
export class CannotRun extends Error {}

/** Throws CannotRun with `complaint` when the command fails or is not there. */
export async function quietly([file, ...args], complaint) {
  const running = promisify(execFile)(file, args, { cwd: root, maxBuffer: Infinity });
  running.child.stdin?.end();
  try {
    await running;
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? ''}`);
    throw new CannotRun(error.stdout === undefined ? `${complaint} (${error.message})` : complaint);
  }
}
