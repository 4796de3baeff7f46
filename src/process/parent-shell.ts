import type { Cancel } from '../host.ts';
import { commandLine } from '../linux/processes.ts';

const LOOK_EVERY_MS = 500;

/** The process that started us: to be asked for before anything else, because it may end at any moment. */
export type Parent = { pid: number; command: readonly string[] };

export function readParent(): Parent {
  const pid = process.ppid;
  return { pid, command: commandLine(pid) };
}

/** `/bin/sh -c "mstdn-supervise web"`: dash stays as our parent, and a platform's TERM ends it instead of us. Calls back
 * when such a shell is gone. A shell that was told to leave us behind (`… &`) is none. */
export function whenParentShellEnds(parent: Parent, ended: () => void): Cancel {
  if (!isWaitingShell(parent.command)) return () => {};
  const look = (): void => {
    if (process.ppid === parent.pid) return;
    clearInterval(timer);
    ended();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  look();
  return () => clearInterval(timer);
}

export function isWaitingShell([shell, ...words]: readonly string[]): boolean {
  const at = words.findIndex((word) => !word.startsWith('-'));
  const [flag, script] = [words[at - 1], words[at]];
  if (shell === undefined || flag === undefined || script === undefined) return false;
  return /(^|[/-])(ba|da|a|z|k)?sh$/.test(shell) && /^-[a-z]*c$/.test(flag) && !/(^|[^&>])&([^&>]|$)/.test(script);
}
