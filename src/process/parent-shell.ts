import type { Cancel } from '../host.ts';
import { commandLine } from '../linux/processes.ts';

const CHECK_INTERVAL_MS = 500;

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
  const timer = setInterval(check, CHECK_INTERVAL_MS);
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
