import { writeSync } from 'node:fs';

const SLEEP_CELL = new Int32Array(new SharedArrayBuffer(4));

/** Writes one whole line to stdout. Does not use process.stdout, which makes the pipe non-blocking for all processes
 * that share it. If another process has done so, waits as ruby's puts does. */
export function writeLine(line: string): void {
  let rest: Uint8Array = Buffer.from(`${line}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSome(rest));
}

function writeSome(bytes: Uint8Array): number {
  try {
    return writeSync(1, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    Atomics.wait(SLEEP_CELL, 0, 0, 10);
    return 0;
  }
}

/** Ends this process by the signal itself, as ruby does after its own handler: the parent sees a signal, not an exit
 * code. */
export function killSelf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
