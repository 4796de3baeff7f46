/** The process that runs the supervisor: its clock, its environment, its parent and the flags of its V8. */
import { readFileSync } from 'node:fs';
import type { Environment } from '../config/settings.ts';
import { ConfigError } from '../exit-status.ts';
import type { Cancel, Clock } from '../host.ts';
import { commandLine } from '../linux/processes.ts';

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // setTimeout calls back at once for anything longer

/** The monotonic clock, which does not follow changes of the wall clock. Uses hrtime: `performance.now()` loads all of perf_hooks. */
export const clock: Clock = {
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
};

/** Adds the variables of a file to the environment. A variable that is set already, even to nothing, keeps its value.
 * @throws ConfigError when the file cannot be read. */
export async function withEnvFile(env: Environment, file: string): Promise<Environment> {
  const { default: dotenv } = await import('dotenv');
  const variables = dotenv.parse(readEnvFile(file));
  const invalid = Object.keys(variables).filter((name) => variables[name]?.includes('\0') === true);
  if (invalid.length > 0) {
    throw new ConfigError(invalid.map((name) => `--env-file ${file}: ${name} contains a NUL byte; remove it`));
  }
  return { ...variables, ...env };
}

function readEnvFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`--env-file ${file}: ${(error as Error).message}`]);
  }
}

const PARENT_CHECK_INTERVAL_MS = 500;

/** The process that started the supervisor. Read it before anything else: it may exit at any moment. */
export type Parent = { pid: number; command: readonly string[] };

export function readParent(): Parent {
  const pid = process.ppid;
  return { pid, command: commandLine(pid) };
}

/** In `/bin/sh -c "mstdn-supervise web"` dash stays as our parent, and a platform's TERM ends the shell instead of us. Calls back
 * when such a shell has exited. A shell that runs us in the background (`… &`) does not count. */
export function whenParentShellEnds(parent: Parent, onEnd: () => void): Cancel {
  if (!isWaitingShell(parent.command)) return () => {};
  const check = (): void => {
    if (process.ppid === parent.pid) return;
    clearInterval(timer);
    onEnd();
  };
  const timer = setInterval(check, PARENT_CHECK_INTERVAL_MS);
  timer.unref();
  check();
  return () => clearInterval(timer);
}

export function isWaitingShell([shell, ...words]: readonly string[]): boolean {
  const scriptIndex = words.findIndex((word) => !word.startsWith('-'));
  const [flag, script] = [words[scriptIndex - 1], words[scriptIndex]];
  if (shell === undefined || flag === undefined || script === undefined) return false;
  return /(^|[/-])(ba|da|a|z|k)?sh$/.test(shell) && /^-[a-z]*c$/.test(flag) && !/(^|[^&>])&([^&>]|$)/.test(script);
}

/** --optimize-for-size saves a tenth of our private memory at rest on Node 24 (11.2 instead of 12.6 MB), and nothing on 20 and 22. */
const FIRST_NODE_MAJOR = 24;

/**
 * Sets V8 flags that prefer memory over speed. Call it after the first child has started: V8 rejects a compile cache that was made
 * under other flags. The router can save more: its young generation does not grow with the load, and on Node 24 it runs without
 * maglev, a compiler whose threads keep their memory. Neither costs measurable CPU time.
 */
export function preferMemoryOverSpeed(isRouting: boolean): void {
  const major = parseInt(process.versions.node);
  if (!isRouting && major < FIRST_NODE_MAJOR) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString('--optimize-for-size');
  if (!isRouting) return;
  setFlagsFromString('--semi-space-growth-factor=1');
  if (major >= FIRST_NODE_MAJOR) setFlagsFromString('--no-maglev');
}
