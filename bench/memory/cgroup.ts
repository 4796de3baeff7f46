// A memory cgroup for one run, version 1 or 2, where this machine permits it.
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { onCleanup } from '../cleanup.ts';

/** `enter` returns the command that runs inside. `read` returns bytes: everything charged, and the part without files. */
export type Cgroup = {
  version: number;
  enter: (command: readonly string[]) => string[];
  read: () => { all: number; anonymous: number };
};
type Hierarchy = { version: number; root: string; usage: string; anonymous: string };

const HIERARCHIES: readonly Hierarchy[] = [
  { version: 1, root: '/sys/fs/cgroup/memory', usage: 'memory.usage_in_bytes', anonymous: 'total_rss' },
  { version: 2, root: '/sys/fs/cgroup', usage: 'memory.current', anonymous: 'anon' },
];
const REMOVE_ATTEMPTS = 500;

/** Returns undefined where this process may not make one. */
export function makeCgroup(): Cgroup | undefined {
  for (const hierarchy of HIERARCHIES) {
    const folder = join(hierarchy.root, `mstdn-supervise-memory-${process.pid}`);
    if (!makeFolder(folder)) continue;
    onCleanup(() => remove(folder));
    if (existsSync(join(folder, hierarchy.usage))) return cgroupIn(folder, hierarchy);
  }
  return undefined;
}

function cgroupIn(folder: string, { version, usage, anonymous }: Hierarchy): Cgroup {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const shell = ['sh', '-c', `echo $$ >'${join(folder, 'cgroup.procs')}' && exec "$@"`, 'sh'];
  return {
    version,
    enter: (command) => [...shell, ...command],
    read: () => ({
      all: Number(text(usage)),
      anonymous: Number(new RegExp(`^${anonymous} (\\d+)`, 'm').exec(text('memory.stat'))?.[1]),
    }),
  };
}

function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** A cgroup can be removed once its last process has been reaped, which takes a moment. */
function remove(folder: string): void {
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS && existsSync(folder); attempt += 1) {
    try {
      rmdirSync(folder);
    } catch {
      // It is not empty yet.
    }
  }
}
