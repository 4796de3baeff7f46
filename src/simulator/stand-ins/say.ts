import { writeSync } from 'node:fs';

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * One whole line on stdout. Not through process.stdout: that makes the pipe non-blocking for everyone who shares it.
 * Where another process has done so, waits as ruby's puts does.
 */
export function say(line: string): void {
  let rest: Uint8Array = Buffer.from(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSome(rest));
}

function writeSome(bytes: Uint8Array): number {
  try {
    return writeSync(1, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    Atomics.wait(never, 0, 0, 10);
    return 0;
  }
}
