import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A pipe of the kernel, as a platform gives its dynos for stdout and stderr; Node's own `pipe` is a socket, which has more
 * room and cannot be opened as /dev/stdout. folder: where its name may stand. */
export function openPipe(folder: string): { output: Readable; input: number; started: () => void } {
  const path = join(folder, 'log');
  execFileSync('mkfifo', ['-m', '600', path]);
  const output = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true });
  const input = openSync(path, constants.O_WRONLY);
  return { output, input, started: () => closeSync(input) };
}
