import { watch } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '../plan/place.ts';
import type { Cancel } from './host.ts';

/** Calls when the kernel writes to memory.events of the cgroup: when at a limit it takes memory back, slows down, or kills;
 * at most every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV). Only version 2 has that file. The kernel's other ways to tell are not
 * open to Node: pressure needs poll(POLLPRI), and version 1 an eventfd. */
export function onShortage(cgroup: Cgroup | null, listener: () => void): Cancel {
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
