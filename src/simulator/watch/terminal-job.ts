import { readFileSync } from 'node:fs';

/** Only the terminal's foreground job may change its mode; others are stopped when they try. Where the system does not
 * tell, we take it that we are. */
export function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return true;
  }
}

/** Stops this process as Ctrl-Z does, npm and the shell of its script with it where `wholeJob`; returns once it goes on
 * again. At once where nobody could take it up again: the kernel does not stop an orphaned job. */
export function stopJob(wholeJob: boolean, onStop: () => void): void {
  process.off('SIGTSTP', onStop);
  process.kill(wholeJob ? 0 : process.pid, 'SIGTSTP');
  process.on('SIGTSTP', onStop);
}
