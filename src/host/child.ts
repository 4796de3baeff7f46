import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import type { ExitStatus } from '../exit-status.ts';
import type { Process } from './host.ts';

export type SpawnOptions = {
  /** The whole environment of the child. */
  env: NodeJS.ProcessEnv;
  folder: string;
  /** Our own stdout and stderr, handed over as they are; one descriptor for both; or pipes that the function gets. */
  output: 'inherit' | number | ((child: ChildProcess) => void);
};

/** Starts a long-lived command without a shell, as leader of a session and group of its own. */
export function spawnChild(command: readonly [string, ...string[]], options: SpawnOptions): Process {
  const [file, ...args] = command;
  const output = typeof options.output === 'function' ? 'pipe' : options.output;
  const stdio: StdioOptions = ['ignore', output, output];
  try {
    const child = spawn(file, args, { env: options.env, cwd: options.folder, stdio, detached: true });
    if (typeof options.output === 'function') options.output(child);
    return { pid: child.pid ?? null, exited: exitOf(child), signal: (name) => signalTo(child, name) };
  } catch (error) {
    return {
      pid: null,
      exited: Promise.resolve({ kind: 'not-started', error: inWords(error as Error) }),
      signal: () => {},
    };
  }
}

/** `exit`, not `close`: a grandchild that keeps the pipe open must not hide the end of the child. */
function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signaled', signal }),
    );
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', error: inWords(error) });
    });
  });
}

const WORDS: Readonly<Record<string, string>> = {
  EAGAIN: 'no more processes are allowed here',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'no memory',
  E2BIG: 'the environment and the arguments are too long',
  ERR_INVALID_ARG_VALUE: 'a NUL byte in its environment or arguments',
};

/** Node's message names what it ran, which is setpriv, or the value of a variable; neither helps an admin. */
function inWords(error: NodeJS.ErrnoException): Error {
  const words = WORDS[error.code ?? ''];
  return words === undefined ? error : Object.assign(new Error(`${words} (${error.code ?? ''})`), { code: error.code });
}

function signalTo(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return; // Node would signal 0, our own group, or whatever its memory holds
  // ChildProcess.kill knows whether the process was reaped, so a reused pid is never hit; it may still fail (EPERM).
  try {
    child.kill(name);
  } catch {
    // not ours to signal any more
  }
}
