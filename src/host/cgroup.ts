import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { CgroupLimits, MemoryFacts } from './host.ts';
import { numberAfter, readBytes, readShort } from './short-read.ts';

/** Where the kernel shows itself; the tests have trees of their own. */
const ROOTS = { proc: '/proc', cgroup: '/sys/fs/cgroup' };

/** What the kernel says of the memory that we may have. Runs before the first child starts: a dozen short reads. */
export function readCgroups(roots = ROOTS): MemoryFacts {
  const own = readShort(join(roots.proc, 'self/cgroup'), true);
  const cgroups = [...unified(roots.cgroup, own), ...memoryAlone(roots.cgroup, own)];
  const meminfo = readBytes(join(roots.proc, 'meminfo'));
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
  const text = existsSync(path) ? readShort(path).trim() : ''; // to ask first is cheaper than the error of an attempt
  return text === '' ? null : text;
}

function kilobytes(meminfo: Buffer, word: string): number | null {
  const kilo = numberAfter(meminfo, word);
  return Number.isNaN(kilo) ? null : kilo * 1024;
}
