// Runs a command of the set-up and shows its output only if it fails.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** A script cannot continue. The message is one line for the user. */
export class CannotRun extends Error {}

/** Throws CannotRun with `errorMessage` if the command fails or does not exist. */
export async function quietly([file, ...args], errorMessage) {
  const running = promisify(execFile)(file, args, { cwd: root, maxBuffer: Infinity });
  running.child.stdin?.end();
  try {
    await running;
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? ''}`);
    throw new CannotRun(error.stdout === undefined ? `${errorMessage} (${error.message})` : errorMessage);
  }
}
