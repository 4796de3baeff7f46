import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ExitStatus } from '../exit-status.ts';
import type { Process } from '../host.ts';
import { findCommand } from './find-command.ts';

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
    return { pid: child.pid ?? null, exited: whenExited(child), signal: (name) => sendSignal(child, name) };
  } catch (error) {
    return {
      pid: null,
      exited: Promise.resolve({ kind: 'not-started', error: describeSpawnError(error as Error) }),
      signal: () => {},
    };
  }
}

/** `exit`, not `close`: a grandchild that keeps the pipe open must not hide the end of the child. */
function whenExited(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signaled', signal }),
    );
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', error: describeSpawnError(error) });
    });
  });
}

const SPAWN_ERRORS: Readonly<Record<string, string>> = {
  EAGAIN: 'no more processes are allowed here',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'no memory',
  E2BIG: 'the environment and the arguments are too long',
  ERR_INVALID_ARG_VALUE: 'a NUL byte in its environment or arguments',
};

/** Node's message names what it ran, which is setpriv, or the value of a variable; neither helps an admin. */
function describeSpawnError(error: NodeJS.ErrnoException): Error {
  const words = SPAWN_ERRORS[error.code ?? ''];
  return words === undefined ? error : Object.assign(new Error(`${words} (${error.code ?? ''})`), { code: error.code });
}

function sendSignal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return; // Node would signal 0, our own group, or whatever its memory holds
  // ChildProcess.kill knows whether the process was reaped, so a reused pid is never hit; it may still fail (EPERM).
  try {
    child.kill(name);
  } catch {
    // not ours to signal any more
  }
}

/** The words before a command that make the kernel TERM it when the supervisor dies, by SIGKILL too. Empty where there is
 * no setpriv that can (util-linux before 2.33, busybox). */
export function pdeathsigPrefix(path: string | undefined): readonly string[] {
  if (process.platform !== 'linux') return [];
  const setpriv = findCommand('setpriv', path, '/');
  if (!('path' in setpriv) || !supportsPdeathsig(setpriv.path)) return [];
  return [setpriv.path, '--pdeathsig', 'TERM', '--'];
}

function supportsPdeathsig(file: string): boolean {
  try {
    return readFileSync(file).includes('pdeathsig');
  } catch {
    return false;
  }
}
