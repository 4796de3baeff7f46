import { join } from 'node:path';
import type { Cgroup } from '../plan/place.ts';
import { numberAfter, readShort } from './short-read.ts';

/** What the cgroup counts, in bytes: without what the kernel drops before it ends anybody (files that it keeps in memory,
 * and of version 2 the slab that it can take back), and with what is swapped out. Shared memory stays: it has no file to go
 * back to. null where the files do not say, or say what cannot be. */
export function readUsage({ version, folder }: Cgroup): number | null {
  const stat = readShort(join(folder, 'memory.stat'), true);
  if (version === 1) return usageOfV1(readShort(join(folder, 'memory.usage_in_bytes')), stat);
  const swap = readShort(join(folder, 'memory.swap.current')); // not there where swap is not accounted for
  return usageOfV2(readShort(join(folder, 'memory.current')), stat, swap);
}

/** The texts of memory.current, memory.stat and memory.swap.current. */
export function usageOfV2(current: string, stat: string, swap: string): number | null {
  const slab = numberAfter(stat, 'slab_reclaimable ') || 0; // since Linux 4.18
  return least0(
    numberAfter(current, '') -
      numberAfter(stat, 'inactive_file ') -
      numberAfter(stat, 'active_file ') -
      slab +
      (swap === '' ? 0 : numberAfter(swap, '')),
  );
}

/** The texts of memory.usage_in_bytes and memory.stat, whose `total_` rows count the cgroups below as well. */
export function usageOfV1(usage: string, stat: string): number | null {
  const swap = stat.includes('\ntotal_swap ') ? numberAfter(stat, 'total_swap ') : 0;
  return least0(
    numberAfter(usage, '') - numberAfter(stat, 'total_inactive_file ') - numberAfter(stat, 'total_active_file ') + swap,
  );
}

/** The files are read one after the other while the figures change: the difference can come out below nothing. */
function least0(bytes: number): number | null {
  return bytes >= 0 ? bytes : null; // NaN is neither
}
