import { existsSync, watch } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Cancel, CgroupLimits, MemoryFacts } from '../host.ts';
import type { Cgroup } from '../plan/machine.ts';
import { numberAfter, readProcBytes, readProcFile } from './proc-file.ts';

/** Where the kernel shows itself; the tests have trees of their own. */
const ROOTS = { proc: '/proc', cgroup: '/sys/fs/cgroup' };

/** What the kernel says of the memory that we may have. Runs before the first child starts: a dozen short reads. */
export function readMemoryFacts(roots = ROOTS): MemoryFacts {
  const own = readProcFile(join(roots.proc, 'self/cgroup'), true);
  const cgroups = [...unified(roots.cgroup, own), ...memoryAlone(roots.cgroup, own)];
  const meminfo = readProcBytes(join(roots.proc, 'meminfo'));
  return {
    cgroups,
    memTotalBytes: kilobytes(meminfo, 'MemTotal:'),
    swapTotalBytes: kilobytes(meminfo, 'SwapTotal:'),
  };
}

/** Version 2, `0::/path`: mounted by itself, or beside version 1 (hybrid), then most often without memory. */
function unified(root: string, own: string): CgroupLimits[] {
  const mount = existsSync(join(root, 'cgroup.controllers')) ? root : join(root, 'unified');
  return foldersOf(mount, /^0::(\/.*)$/m.exec(own)?.[1]).flatMap((folder) => {
    const [max, high] = [textOf(folder, 'memory.max'), textOf(folder, 'memory.high')];
    if (max === null && high === null) return [];
    return { cgroup: { version: 2, folder }, max, high, swap: textOf(folder, 'memory.swap.max') };
  });
}

/** Version 1, `4:memory:/path` or `7:cpu,memory:/path`. */
function memoryAlone(root: string, own: string): CgroupLimits[] {
  const path = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(own)?.[1];
  return foldersOf(join(root, 'memory'), path).flatMap((folder) => {
    const max = textOf(folder, 'memory.limit_in_bytes');
    if (max === null) return [];
    return { cgroup: { version: 1, folder }, max, high: null, swap: textOf(folder, 'memory.memsw.limit_in_bytes') };
  });
}

/** From our own folder up to the mount. A container that is told the machine's path but sees only its own part of the
 * tree has no such folder: it stands at the mount, and so does one whose path leads out of what it sees (`/../..`). */
function foldersOf(mount: string, path: string | undefined): string[] {
  if (path === undefined) return [];
  const folders: string[] = [];
  const isOutside = path.split('/').includes('..');
  for (let at = isOutside ? '/' : normalize(path); at !== '/'; at = dirname(at)) folders.push(join(mount, at));
  return [...folders, mount].filter((folder) => existsSync(folder));
}

function textOf(folder: string, file: string): string | null {
  const path = join(folder, file);
  const text = existsSync(path) ? readProcFile(path).trim() : ''; // to ask first is cheaper than the error of an attempt
  return text === '' ? null : text;
}

function kilobytes(meminfo: Buffer, word: string): number | null {
  const kilo = numberAfter(meminfo, word);
  return Number.isNaN(kilo) ? null : kilo * 1024;
}

/** What the cgroup counts, in bytes: without what the kernel drops before it ends anybody (files that it keeps in memory,
 * and of version 2 the slab that it can take back), and with what is swapped out. Shared memory stays: it has no file to go
 * back to. null where the files do not say, or say what cannot be: they are read one after the other while the figures
 * change, and the difference can come out below nothing. */
export function readCgroupUsage({ version, folder }: Cgroup): number | null {
  const bytes = version === 2 ? usageOfV2(folder) : usageOfV1(folder);
  return bytes >= 0 ? bytes : null; // NaN is neither
}

function usageOfV2(folder: string): number {
  const current = numberIn(join(folder, 'memory.current'));
  const swap = readProcBytes(join(folder, 'memory.swap.current')); // not there where swap is not accounted for
  const swapped = swap.length === 0 ? 0 : numberAfter(swap, '');
  const stat = readProcBytes(join(folder, 'memory.stat'));
  const slab = numberAfter(stat, 'slab_reclaimable ') || 0; // since Linux 4.18
  return current - numberAfter(stat, 'inactive_file ') - numberAfter(stat, 'active_file ') - slab + swapped;
}

/** Its `total_` rows count the cgroups below as well. */
function usageOfV1(folder: string): number {
  const usage = numberIn(join(folder, 'memory.usage_in_bytes'));
  const stat = readProcBytes(join(folder, 'memory.stat'));
  const swapped = stat.includes('\ntotal_swap ') ? numberAfter(stat, 'total_swap ') : 0;
  return usage - numberAfter(stat, 'total_inactive_file ') - numberAfter(stat, 'total_active_file ') + swapped;
}

function numberIn(path: string): number {
  return numberAfter(readProcBytes(path), '');
}

/** Calls when the kernel writes to memory.events of the cgroup: when at a limit it takes memory back, slows down, or kills;
 * at most every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV). Only version 2 has that file. The kernel's other ways to tell are not
 * open to Node: pressure needs poll(POLLPRI), and version 1 an eventfd. */
export function onMemoryPressure(cgroup: Cgroup | null, listener: () => void): Cancel {
  return cgroup?.version === 2 ? onChange(join(cgroup.folder, 'memory.events'), listener) : () => {};
}

/** The kernel tells of changes to its own files by inotify, as of any other's. Costs nothing until then, and keeps nobody
 * from leaving. */
export function onChange(file: string, listener: () => void): Cancel {
  try {
    const watcher = watch(file, { persistent: false }, () => listener());
    watcher.on('error', () => {}); // the cgroup went
    return () => watcher.close();
  } catch {
    return () => {}; // no such file, or no watch to be had any more
  }
}
