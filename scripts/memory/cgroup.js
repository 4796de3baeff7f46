// A memory cgroup of the run's own, version 1 or 2, where this machine lets us make one.
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './ending.js';

const ROOTS = [
  { version: 1, root: '/sys/fs/cgroup/memory', usage: 'memory.usage_in_bytes', anonymous: 'total_rss' },
  { version: 2, root: '/sys/fs/cgroup', usage: 'memory.current', anonymous: 'anon' },
];

/** { version, enter(command), read() } or undefined where we may not. `enter` gives the command that runs inside; `read`
 * bytes: all that is charged, and of that what belongs to processes and not to files. */
export function makeCgroup() {
  for (const kind of ROOTS) {
    const folder = join(kind.root, `mstdn-supervise-memory-${process.pid}`);
    if (!isMade(folder)) continue;
    atEnd(() => remove(folder));
    if (existsSync(join(folder, kind.usage))) return cgroupIn(folder, kind);
  }
  return undefined;
}

function cgroupIn(folder, { version, usage, anonymous }) {
  const text = (name) => readFileSync(join(folder, name), 'utf8');
  const inside = ['sh', '-c', `echo $$ >'${join(folder, 'cgroup.procs')}' && exec "$@"`, 'sh'];
  return {
    version,
    enter: (command) => [...inside, ...command],
    read: () => ({
      all: Number(text(usage)),
      anonymous: Number(new RegExp(`^${anonymous} (\\d+)`, 'm').exec(text('memory.stat'))?.[1]),
    }),
  };
}

function isMade(folder) {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** A cgroup goes once the last of its processes has been reaped, which takes a moment. */
function remove(folder) {
  for (let tries = 0; tries < 500 && existsSync(folder); tries += 1) {
    try {
      rmdirSync(folder);
    } catch {
      // not yet empty
    }
  }
}
