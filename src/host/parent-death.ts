import { readFileSync } from 'node:fs';
import { findCommand } from './find-command.ts';

/** The words before a command that make the kernel TERM it when the supervisor dies, by SIGKILL too. Empty where there is
 * no setpriv that can (util-linux before 2.33, busybox). */
export function parentDeathPrefix(path: string | undefined): readonly string[] {
  if (process.platform !== 'linux') return [];
  const setpriv = findCommand('setpriv', path, '/');
  if (!('path' in setpriv) || !knowsParentDeath(setpriv.path)) return [];
  return [setpriv.path, '--pdeathsig', 'TERM', '--'];
}

function knowsParentDeath(file: string): boolean {
  try {
    return readFileSync(file).includes('pdeathsig');
  } catch {
    return false;
  }
}
