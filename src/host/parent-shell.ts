import type { Cancel } from './host.ts';
import { commandLine } from './processes.ts';

const LOOK_EVERY_MS = 500;

/** `/bin/sh -c "mstdn-supervise web"`: dash stays as our parent, and a platform's TERM ends it instead of us. Calls back
 * when such a shell is gone. A shell that was told to leave us behind (`… &`) is none. */
export function whenParentShellEnds(ended: () => void): Cancel {
  const parent = process.ppid;
  if (!isWaitingShell(commandLine(parent))) return () => {};
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

export function isWaitingShell([shell, ...words]: readonly string[]): boolean {
  const at = words.findIndex((word) => !word.startsWith('-'));
  const [flag, script] = [words[at - 1], words[at]];
  if (shell === undefined || flag === undefined || script === undefined) return false;
  return /(^|[/-])(ba|da|a|z|k)?sh$/.test(shell) && /^-[a-z]*c$/.test(flag) && !/(^|[^&>])&([^&>]|$)/.test(script);
}
