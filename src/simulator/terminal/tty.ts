import { closeSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { clock } from '../../process/runtime.ts';
import { Output } from '../../output/output.ts';

/** The part of process.stdin that is used. */
export type TerminalInput = {
  isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  on(event: string, listener: (bytes: Buffer) => void): unknown;
  off(event: string, listener: (bytes: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

/** process.stdout if it is a terminal, else `{ fd: 1 }`: as soon as process.stdout is touched, Node makes a pipe
 * non-blocking for all processes that share it. */
type TerminalOutput = {
  fd: number;
  isTTY?: boolean;
  columns?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
};

export type TerminalOptions = {
  input: TerminalInput;
  output: TerminalOutput;
  env: Readonly<Record<string, string | undefined>>;
  /** null: no page runs. */
  pageUrl: string | null;
  quit(): void;
  quitNow(): void;
};

export type TerminalUi = {
  /** Writes buffered lines and restores the terminal. */
  close(): Promise<void>;
};

/** How long closing waits for a reader that does not read. */
export const CLOSE_TIMEOUT_MS = 1000;

/** Only the foreground job may change the terminal's mode; other jobs are stopped if they try. Without /proc, assumes
 * the foreground. */
export function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return true;
  }
}

/** Stops this process as Ctrl-Z does; with `wholeJob` also npm and the shell that runs its script. Returns when it
 * continues. Returns at once if the job is orphaned, which the kernel does not stop. */
export function stopJob(wholeJob: boolean, onStop: () => void): void {
  process.off('SIGTSTP', onStop);
  process.kill(wholeJob ? 0 : process.pid, 'SIGTSTP');
  process.on('SIGTSTP', onStop);
}

/** At exit, Node restores the mode of each terminal, and aborts (SIGABRT, perhaps with a core file) if that fails
 * because the terminal was closed. Closing those descriptors first avoids it. [seen with Node 20; Node 22 is not
 * affected] */
export function closeDeadTtys(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => {
    for (const fd of terminals.filter((fd) => !isatty(fd))) closeSync(fd);
  });
}

const PRINT_TIMEOUT_MS = 10_000;

/** Writes to stdout or stderr and waits for at most ten seconds until it is written. Does not use process.stdout, which
 * would make a pipe non-blocking for all processes that share it. */
export async function print(fd: 1 | 2, text: string): Promise<void> {
  const output = new Output(fd, clock, () => '');
  await output.writeFromChild(Buffer.from(text));
  await output.close(PRINT_TIMEOUT_MS);
}
