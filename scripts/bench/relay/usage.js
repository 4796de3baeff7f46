// CPU and memory of the supervisor's own processes: all of the run but the children.
import { read } from '../../memory/processes.js';

const TICK_MS = 10;

export function ownProcesses(run) {
  const children = new Set(run.noted('up').map(({ pid }) => pid));
  return run.look().filter((pid) => !children.has(pid));
}

/** CPU milliseconds, user and system. */
export function cpuMsOf(pids) {
  return sum(pids, (pid) => {
    const stat = read(pid, 'stat');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return TICK_MS * (Number(user ?? 0) + Number(system ?? 0));
  });
}

/** Bytes that are nobody else's, swapped ones included. */
export function privateBytesOf(pids) {
  return sum(pids, (pid) => {
    const fields = read(pid, 'smaps_rollup').matchAll(/^(?:Private_Clean|Private_Dirty|Swap):\s+(\d+) kB/gm);
    return [...fields].reduce((bytes, [, kilobytes]) => bytes + 1024 * Number(kilobytes), 0);
  });
}

function sum(items, of) {
  return items.reduce((total, item) => total + of(item), 0);
}
