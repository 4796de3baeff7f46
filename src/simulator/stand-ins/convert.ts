import { copyFileSync, existsSync, realpathSync, renameSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { basename, join } from 'node:path';
import { knobs } from './knobs.ts';

const STEP_MS = 20;
/** As fast as a flood: 200 MB/s. */
const STEP = Buffer.alloc(4 * 2 ** 20, 1);
/** How long it stays as large as it gets. */
const HOLD_MS = 1000;

/**
 * A helper program as media processing starts one: a process named `convert` that grows to that many bytes, then ends.
 * @throws what ruby's `system` throws where it was killed or could not start.
 */
export async function convert(bytes: number, cut: AbortSignal): Promise<void> {
  const helper = startHelper(bytes);
  const ended = new Promise<void>((resolve, reject) => {
    helper.once('error', reject);
    helper.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`Command failed with ${signal ?? `exit ${code}`}: convert`));
    });
  });
  const stopFeeding = feed(helper, bytes);
  const cutShort = new Promise<never>((_, reject) =>
    cut.addEventListener('abort', () => reject(new Error('shutdown'))),
  );
  try {
    await Promise.race([ended, cutShort]);
  } finally {
    stopFeeding();
    helper.unref();
  }
}

/** `tail -c BYTES` keeps the last so many bytes that it reads. It is everywhere, small enough to copy, and takes its memory
 * as fast as it is fed. */
function startHelper(bytes: number): ChildProcess {
  const tail = realpathSync('/usr/bin/tail');
  const program = join(knobs.controlFolder, 'convert');
  if (!existsSync(program)) {
    copyFileSync(tail, `${program}.${process.pid}`);
    renameSync(`${program}.${process.pid}`, program);
  }
  // One that is many programs, like busybox, looks at what it is called.
  const argv0 = basename(tail) === 'tail' ? 'convert' : 'tail';
  return spawn(program, ['-c', String(bytes)], { argv0, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Gives what stops it; the helper then reaches the end of its input. */
function feed({ stdin }: ChildProcess, bytes: number): () => void {
  let rest = bytes;
  stdin?.on('error', () => undefined); // killed: its exit says so
  const beat = setInterval(() => {
    if (rest > 0 && stdin?.writableNeedDrain === false) {
      stdin.write(STEP.subarray(0, rest));
      rest -= STEP.length;
    } else if (rest <= 0 && stdin?.writableLength === 0) {
      clearInterval(beat);
      setTimeout(() => stdin.end(), HOLD_MS).unref();
    }
  }, STEP_MS);
  return () => {
    clearInterval(beat);
    stdin?.destroy();
  };
}
