// What a peer itself uses: all of its processes but the children and what those started.
import { readdirSync } from 'node:fs';
import { read } from '../memory/processes.js';

/** Its processes. */
export function ownPids(run) {
  const children = new Set(run.noted('up').map(({ pid }) => pid));
  return run.look().filter((pid) => !children.has(pid));
}

/** Bytes, of all of them: rss, with shared pages counted in full; private, what nobody else has mapped; dirty, what of that
 * cannot be dropped. What is swapped out is private and dirty. */
export function memoryOf(pids) {
  const texts = pids.map((pid) => read(pid, 'smaps_rollup'));
  const sum = (name) => texts.reduce((total, text) => total + fieldOf(text, name), 0);
  const dirty = sum('Private_Dirty') + sum('Swap');
  return { rss: sum('Rss'), private: sum('Private_Clean') + dirty, dirty };
}

/** Milliseconds of CPU that they have had until now, by the scheduler's own count. */
export function cpuMsOf(pids) {
  const threads = pids.flatMap((pid) => threadsOf(pid).map((thread) => read(pid, `task/${thread}/schedstat`)));
  return threads.reduce((total, text) => total + Number(text.split(' ')[0]) / 1e6, 0);
}

function fieldOf(text, name) {
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended since
  }
}
