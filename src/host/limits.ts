import { existsSync } from 'node:fs';

/** What this machine does not let us do, a sentence each with the remedy, for the boot log. guarded: the children hear of
 * our death. */
export function limitsOfThisMachine(guarded: boolean): string[] {
  const limits: string[] = [];
  if (process.pid === 1) {
    limits.push('running as PID 1, where nobody reaps orphans: start with an init (docker run --init, tini)');
  }
  if (process.platform !== 'linux') {
    limits.push(`no /proc on ${process.platform}: processes that leave their group are not found after the end`);
    limits.push(`no parent-death signal on ${process.platform}: children live on if the supervisor is SIGKILLed`);
    return limits;
  }
  if (!existsSync('/proc/self/stat')) {
    limits.push(
      "no /proc: leftover processes outside their child's process group cannot be found or ended; mount it (mount -t proc proc /proc)",
    );
  }
  if (!guarded) {
    limits.push('no setpriv --pdeathsig (package util-linux): children live on if the supervisor is SIGKILLed');
  }
  return limits;
}
