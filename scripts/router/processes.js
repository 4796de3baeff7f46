// What a process has used, from /proc.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

/** USER_HZ, which is 100 on every Linux of x64 and arm64. */
const TICK_MS = 10;
const LOOK_MS = 500;
/** V8 gives memory back 8 s after a full collection, in up to three steps of as much. */
const STILL_MS = 10_000;
const AT_MOST_MS = 30_000;
const STEADY = 0.01;

/** User and system time of all its threads; NaN where there is no process. */
export function cpuMsOf(pid) {
  if (pid === undefined) return NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/** Bytes that only this process has, clean and dirty. */
export function privateOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);
  return field('Private_Clean') + field('Private_Dirty');
}

/** The same once it has not moved for a while. */
export async function settledPrivateOf(pid) {
  const end = performance.now() + AT_MOST_MS;
  let [last, sinceMs] = [privateOf(pid), performance.now()];
  while (performance.now() < Math.min(end, sinceMs + STILL_MS)) {
    await pause(LOOK_MS);
    const reading = privateOf(pid);
    if (Math.abs(reading - last) > STEADY * last) [last, sinceMs] = [reading, performance.now()];
  }
  return privateOf(pid);
}
