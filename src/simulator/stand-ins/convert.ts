import { copyFileSync, existsSync, realpathSync, renameSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { basename, join } from 'node:path';
import { options } from './env-options.ts';

const STEP_MS = 20;
/** 200 MB/s, like a flood. */
const STEP = Buffer.alloc(4 * 2 ** 20, 1);
/** How long it stays at its full size. */
const HOLD_MS = 1000;

/** Runs a helper program as media processing does: a process named `convert` that grows to this size, then exits.
 * @throws what ruby's `system` raises if it is killed or cannot start */
export async function convert(bytes: number, cut: AbortSignal): Promise<void> {
  const helper = startHelper(bytes);
  const ended = new Promise<void>((resolve, reject) => {
    helper.once('error', reject);
    helper.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`Command failed with ${signal ?? `exit ${code}`}: convert`));
    });
  });
  const stopFeeding = feedInput(helper, bytes);
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

/** `tail -c BYTES` keeps the last bytes that it reads. It exists everywhere, is small enough to copy, and allocates
 * memory as fast as it is fed. */
function startHelper(bytes: number): ChildProcess {
  const tail = realpathSync('/usr/bin/tail');
  const program = join(options.controlFolder, 'convert');
  if (!existsSync(program)) {
    copyFileSync(tail, `${program}.${process.pid}`);
    renameSync(`${program}.${process.pid}`, program);
  }
  // A multi-call binary like busybox depends on its argv[0].
  const argv0 = basename(tail) === 'tail' ? 'convert' : 'tail';
  return spawn(program, ['-c', String(bytes)], { argv0, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Returns a function that stops feeding. The helper then reads the end of its input. */
function feedInput({ stdin }: ChildProcess, bytes: number): () => void {
  let rest = bytes;
  stdin?.on('error', () => undefined); // killed; the exit event reports it
  const timer = setInterval(() => {
    if (rest > 0 && stdin?.writableNeedDrain === false) {
      stdin.write(STEP.subarray(0, rest));
      rest -= STEP.length;
    } else if (rest <= 0 && stdin?.writableLength === 0) {
      clearInterval(timer);
      setTimeout(() => stdin.end(), HOLD_MS).unref();
    }
  }, STEP_MS);
  return () => {
    clearInterval(timer);
    stdin?.destroy();
  };
}
