import { readdirSync } from 'node:fs';
import type { OpenFiles } from '../plan/place.ts';
import { numberAfter, readBytes } from './short-read.ts';

/** The limit of open files, sockets included, and how many are open now; null where /proc does not say. Node has raised the
 * soft limit to the hard one. */
export function readOpenFiles(): OpenFiles | null {
  const limits = readBytes('/proc/self/limits');
  if (limits.length === 0) return null;
  const soft = numberAfter(limits, 'Max open files');
  const limit = Number.isNaN(soft) ? Infinity : soft; // `unlimited`
  return { limit, open: openBelow(limit) };
}

/** A descriptor that was inherited with a number above the limit takes nothing of it. */
function openBelow(limit: number): number {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => Number(fd) < limit).length - 1; // one of them reads the folder
  } catch {
    return 0; // a container whose /proc does not show them
  }
}
