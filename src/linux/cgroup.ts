import { existsSync, watch } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Cancel, CgroupLimits, MemoryFacts } from '../host.ts';
import type { Cgroup } from '../plan/machine.ts';
import { numberAfter, readProcBytes, readProcFile } from './proc-file.ts';

/** Where the kernel's files are mounted. Tests use folders of their own. */
const ROOTS = { proc: '/proc', cgroup: '/sys/fs/cgroup' };

/** Reads the memory limits of our cgroups and the memory of the machine. It runs before the first child starts: a dozen short reads. */
export function readMemoryFacts(roots = ROOTS): MemoryFacts {
  const selfCgroup = readProcFile(join(roots.proc, 'self/cgroup'), true);
  const cgroups = [...readLimitsV2(roots.cgroup, selfCgroup), ...readLimitsV1(roots.cgroup, selfCgroup)];
  const meminfo = readProcBytes(join(roots.proc, 'meminfo'));
  return {
    cgroups,
    memTotalBytes: bytesAfter(meminfo, 'MemTotal:'),
    swapTotalBytes: bytesAfter(meminfo, 'SwapTotal:'),
  };
}

/** Version 2, `0::/path`. It is the only hierarchy, or mounted beside version 1 (hybrid), then usually without memory. */
function readLimitsV2(root: string, selfCgroup: string): CgroupLimits[] {
  const mount = existsSync(join(root, 'cgroup.controllers')) ? root : join(root, 'unified');
  return foldersOf(mount, /^0::(\/.*)$/m.exec(selfCgroup)?.[1]).flatMap((folder) => {
    const [max, high] = [textOf(folder, 'memory.max'), textOf(folder, 'memory.high')];
    if (max === null && high === null) return [];
    return { cgroup: { version: 2, folder }, max, high, swap: textOf(folder, 'memory.swap.max') };
  });
}

/** Version 1, `4:memory:/path` or `7:cpu,memory:/path`. */
function readLimitsV1(root: string, selfCgroup: string): CgroupLimits[] {
  const path = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(\/.*)$/m.exec(selfCgroup)?.[1];
  return foldersOf(join(root, 'memory'), path).flatMap((folder) => {
    const max = textOf(folder, 'memory.limit_in_bytes');
    if (max === null) return [];
    return { cgroup: { version: 1, folder }, max, high: null, swap: textOf(folder, 'memory.memsw.limit_in_bytes') };
  });
}

/** The folders from our own cgroup up to the mount. A container may read the path on the host, but see only its own part of the tree:
 * then the mount is its folder. The same holds for a path that leads out of the visible tree (`/../..`). */
function foldersOf(mount: string, path: string | undefined): string[] {
  if (path === undefined) return [];
  const folders: string[] = [];
  const isOutside = path.split('/').includes('..');
  for (let folder = isOutside ? '/' : normalize(path); folder !== '/'; folder = dirname(folder)) {
    folders.push(join(mount, folder));
  }
  return [...folders, mount].filter((folder) => existsSync(folder));
}

function textOf(folder: string, file: string): string | null {
  const path = join(folder, file);
  const text = existsSync(path) ? readProcFile(path).trim() : ''; // existsSync is cheaper than the error of a failed read
  return text === '' ? null : text;
}

function bytesAfter(meminfo: Buffer, label: string): number | null {
  const kilobytes = numberAfter(meminfo, label);
  return Number.isNaN(kilobytes) ? null : kilobytes * 1024;
}

/**
 * The memory that the cgroup uses, in bytes. It includes swap, and excludes what the kernel drops before it kills a process: cached
 * files, and in version 2 reclaimable slab. Shared memory counts, because it has no file to go back to. null when the files do not
 * tell, or when the result is negative: they are read one after the other while the figures change.
 */
export function readCgroupUsage({ version, folder }: Cgroup): number | null {
  const bytes = version === 2 ? readUsageV2(folder) : readUsageV1(folder);
  return bytes >= 0 ? bytes : null; // NaN fails the comparison too
}

function readUsageV2(folder: string): number {
  const current = numberIn(join(folder, 'memory.current'));
  const swap = readProcBytes(join(folder, 'memory.swap.current')); // missing when swap is not accounted
  const swapped = swap.length === 0 ? 0 : numberAfter(swap, '');
  const stat = readProcBytes(join(folder, 'memory.stat'));
  const slab = numberAfter(stat, 'slab_reclaimable ') || 0; // since Linux 4.18
  return current - numberAfter(stat, 'inactive_file ') - numberAfter(stat, 'active_file ') - slab + swapped;
}

/** The `total_` rows include the descendant cgroups. */
function readUsageV1(folder: string): number {
  const usage = numberIn(join(folder, 'memory.usage_in_bytes'));
  const stat = readProcBytes(join(folder, 'memory.stat'));
  const swapped = stat.includes('\ntotal_swap ') ? numberAfter(stat, 'total_swap ') : 0;
  return usage - numberAfter(stat, 'total_inactive_file ') - numberAfter(stat, 'total_active_file ') + swapped;
}

function numberIn(path: string): number {
  return numberAfter(readProcBytes(path), '');
}

/** Calls back when memory.events of the cgroup changes: the kernel has reclaimed memory at a limit, slowed a process down, or killed
 * one. At most every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV). Only version 2 has that file. Node cannot use the kernel's other
 * notifications: pressure needs poll(POLLPRI), and version 1 an eventfd. */
export function onMemoryPressure(cgroup: Cgroup | null, listener: () => void): Cancel {
  return cgroup?.version === 2 ? onFileChange(join(cgroup.folder, 'memory.events'), listener) : () => {};
}

/** The kernel reports changes to its own files by inotify too. The watcher costs nothing until then, and does not keep Node alive. */
export function onFileChange(file: string, listener: () => void): Cancel {
  try {
    const watcher = watch(file, { persistent: false }, () => listener());
    watcher.on('error', () => {}); // the cgroup was removed
    return () => watcher.close();
  } catch {
    return () => {}; // no such file, or no inotify watch left
  }
}
