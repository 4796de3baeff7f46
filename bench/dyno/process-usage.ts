// Memory in bytes and CPU time in milliseconds, from /proc. A process that has exited counts as zero.
import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { processKind, readProc, statFields } from './processes.ts';

/** USER_HZ, the unit of /proc/PID/stat: 100 per second on every Linux of x64 and arm64. */
const TICK_MS = 10;

/** Memory of a whole dyno at one moment. `kinds`: PSS by kind of process. */
export type MemorySample = { atMs: number; pss: number; rss: number; kinds: Record<string, number> };

/** PSS counts a shared page in proportion, RSS in full. PSS includes swap. */
export function residentMemory(pid: number): { pss: number; rss: number } {
  const text = readProc(pid, 'smaps_rollup');
  return { pss: fieldOf(text, 'Pss') + fieldOf(text, 'SwapPss'), rss: fieldOf(text, 'Rss') };
}

/**
 * Sums over several processes. `rss` counts shared pages once for each process; `private` is what no other process has mapped;
 * `dirty` is the part of that which cannot be dropped. Swapped pages are private and dirty.
 */
export function sumMemory(pids: readonly number[]): { rss: number; private: number; dirty: number } {
  const texts = pids.map((pid) => readProc(pid, 'smaps_rollup'));
  const sum = (name: string) => texts.reduce((total, text) => total + fieldOf(text, name), 0);
  const dirty = sum('Private_Dirty') + sum('Swap');
  return { rss: sum('Rss'), private: sum('Private_Clean') + dirty, dirty };
}

/** What only this process has mapped, clean and dirty, without swap. Throws when the process has exited. */
export function privateMemory(pid: number): number {
  const text = readProc(pid, 'smaps_rollup');
  if (text === '') throw new Error(`process ${pid} has exited`);
  return fieldOf(text, 'Private_Clean') + fieldOf(text, 'Private_Dirty');
}

/** The most that was ever resident. */
export function peakMemory(pid: number): number {
  return fieldOf(readProc(pid, 'status'), 'VmHWM');
}

export function sampleMemory(pids: readonly number[], atMs = performance.now()): MemorySample {
  const sample: MemorySample = { atMs, pss: 0, rss: 0, kinds: {} };
  for (const pid of pids) {
    const kind = processKind(pid);
    const { pss, rss } = residentMemory(pid);
    sample.pss += pss;
    sample.rss += rss;
    sample.kinds[kind] = (sample.kinds[kind] ?? 0) + pss;
  }
  return sample;
}

/** User and system time of a process, and of the children that it has reaped when `withReaped` is set; 10 ms is the resolution. */
export function tickCpuMs(pid: number, { withReaped = false } = {}): number {
  const ticks = statFields(pid).slice(11, withReaped ? 15 : 13);
  return TICK_MS * ticks.reduce((sum, field) => sum + Number(field), 0);
}

/** Time that the scheduler gave to all threads of these processes, to the nanosecond. */
export function scheduledCpuMs(pids: readonly number[]): number {
  const threads = pids.flatMap((pid) => threadsOf(pid).map((thread) => readProc(pid, `task/${thread}/schedstat`)));
  return threads.reduce((total, text) => total + Number(text.split(' ')[0]) / 1e6, 0);
}

function fieldOf(text: string, name: string): number {
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It has exited.
  }
}
