import { join } from 'node:path';
import type { Cgroup } from '../plan/place.ts';
import { numberAfter, readBytes } from './short-read.ts';

/** What the cgroup counts, in bytes: without what the kernel drops before it ends anybody (files that it keeps in memory,
 * and of version 2 the slab that it can take back), and with what is swapped out. Shared memory stays: it has no file to go
 * back to. null where the files do not say, or say what cannot be: they are read one after the other while the figures
 * change, and the difference can come out below nothing. */
export function readUsage({ version, folder }: Cgroup): number | null {
  const bytes = version === 2 ? usageOfV2(folder) : usageOfV1(folder);
  return bytes >= 0 ? bytes : null; // NaN is neither
}

function usageOfV2(folder: string): number {
  const current = numberIn(join(folder, 'memory.current'));
  const swap = readBytes(join(folder, 'memory.swap.current')); // not there where swap is not accounted for
  const swapped = swap.length === 0 ? 0 : numberAfter(swap, '');
  const stat = readBytes(join(folder, 'memory.stat'));
  const slab = numberAfter(stat, 'slab_reclaimable ') || 0; // since Linux 4.18
  return current - numberAfter(stat, 'inactive_file ') - numberAfter(stat, 'active_file ') - slab + swapped;
}

/** Its `total_` rows count the cgroups below as well. */
function usageOfV1(folder: string): number {
  const usage = numberIn(join(folder, 'memory.usage_in_bytes'));
  const stat = readBytes(join(folder, 'memory.stat'));
  const swapped = stat.includes('\ntotal_swap ') ? numberAfter(stat, 'total_swap ') : 0;
  return usage - numberAfter(stat, 'total_inactive_file ') - numberAfter(stat, 'total_active_file ') + swapped;
}

function numberIn(path: string): number {
  return numberAfter(readBytes(path), '');
}
