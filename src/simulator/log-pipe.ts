import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export type LogPipe = {
  output: Readable;
  input: number;
  /** The dyno has its end: we let go of ours. */
  started: () => void;
  /** The pids of those who have it open beside us, where there is a /proc. */
  holders: () => number[];
};

/** A pipe of the kernel, as a platform gives its dynos for stdout and stderr; Node's own `pipe` is a socket, which has more
 * room and cannot be opened as /dev/stdout. folder: where its name may stand.
 * @throws Error in words: there is no room, no descriptor or no process left for it */
export function openPipe(folder: string): LogPipe {
  const path = join(folder, 'log');
  const { error, status, stderr } = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`a pipe for its log, which the command mkfifo makes: ${error.message}`);
  if (status !== 0) throw new Error(`a pipe for its log: ${stderr.trim()}`);
  const output = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true });
  try {
    const input = openSync(path, constants.O_WRONLY);
    return { output, input, started: () => closeSync(input), holders: () => holdersOf(realpathSync(path)) };
  } catch (error) {
    output.destroy();
    throw error;
  }
}

function holdersOf(path: string): number[] {
  const pids = names('/proc').filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`);
  return pids
    .filter((pid) => names(`/proc/${pid}/fd`).some((fd) => target(`/proc/${pid}/fd/${fd}`) === path))
    .map(Number);
}

/** None where it is not there, not there any more or not ours to read. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function target(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}
