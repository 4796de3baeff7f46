import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ExitStatus } from '../exit-status.ts';
import type { Process } from '../host.ts';
import { findCommand } from './find-command.ts';

export type SpawnOptions = {
  /** The whole environment of the child. */
  env: NodeJS.ProcessEnv;
  folder: string;
  /** 'inherit': our own stdout and stderr; a number: one descriptor for both; a function: it receives the child with two pipes. */
  output: 'inherit' | number | ((child: ChildProcess) => void);
};

/** Starts a long-lived command without a shell, as leader of its own session and process group. */
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

/** Uses `exit`, not `close`: a grandchild that keeps the pipe open must not delay the exit of the child. */
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
  EAGAIN: 'the process limit is reached (EAGAIN): raise it with ulimit -u or the pids limit of the container',
  EMFILE: 'too many open files (EMFILE): raise the limit with ulimit -n',
  ENFILE: 'too many open files on this machine (ENFILE): raise fs.file-max',
  ENOMEM: 'not enough memory to start a process (ENOMEM): use a larger dyno or run fewer processes',
  E2BIG: 'the environment and the arguments are too long (E2BIG): shorten them',
  ERR_INVALID_ARG_VALUE: 'the environment or the arguments contain a NUL byte (ERR_INVALID_ARG_VALUE): remove it',
};

/** Node's own message names setpriv, or shows the value of a variable. Neither helps an admin. */
function describeSpawnError(error: NodeJS.ErrnoException): Error {
  const message = SPAWN_ERRORS[error.code ?? ''];
  return message === undefined ? error : Object.assign(new Error(message), { code: error.code });
}

function sendSignal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return; // Node would signal pid 0, our own group, or a pid from uninitialized memory
  // ChildProcess.kill knows whether the process was reaped, so it never signals a reused pid. It may still fail (EPERM).
  try {
    child.kill(name);
  } catch {
    // We may not signal it any more.
  }
}

/** Command words that make the kernel send TERM to the command when the supervisor dies, even by SIGKILL. Empty without a setpriv
 * that supports it (util-linux before 2.33, busybox). */
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
