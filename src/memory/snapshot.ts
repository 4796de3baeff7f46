import type { MemoryReading, ProcessUse } from '../host.ts';
import type { ChildName } from '../plan/spec.ts';
import { findHelpers, processKey } from './helper-processes.ts';

/** A reading and what follows from it. Sizes in bytes; growth in bytes a second since the reading before. */
export type Snapshot = {
  atMs: number;
  totalBytes: number;
  growth: number;
  /** The process trees of the children, without their helpers. */
  children: ReadonlyMap<ChildName, number>;
  helpers: readonly Helper[];
  processes: readonly ProcessUse[];
  /** In the cgroup, and not in a process tree of this dyno. */
  otherBytes: number;
};
export type Helper = { use: ProcessUse; growth: number };

/** Readings that follow one another at once would give any growth. */
const MIN_INTERVAL_S = 0.05;

export function takeSnapshot(reading: MemoryReading, before: MemoryReading | null): Snapshot {
  const helpers = findHelpers(reading.processes);
  const seconds = before === null ? Infinity : Math.max(MIN_INTERVAL_S, (reading.atMs - before.atMs) / 1000);
  const bytesBefore = new Map(before?.processes.map((use) => [processKey(use), use.bytes]));
  return {
    atMs: reading.atMs,
    totalBytes: totalOf(reading),
    growth: before === null ? 0 : (totalOf(reading) - totalOf(before)) / seconds,
    children: treeSizes(reading.processes, new Set(helpers)),
    helpers: helpers.map((use) => ({ use, growth: (use.bytes - (bytesBefore.get(processKey(use)) ?? 0)) / seconds })),
    processes: reading.processes,
    otherBytes: Math.max(0, totalOf(reading) - sumOf(reading)),
  };
}

export function totalOf(reading: MemoryReading): number {
  return reading.cgroupBytes ?? sumOf(reading);
}

function sumOf({ processes, ownBytes }: MemoryReading): number {
  return processes.reduce((sum, { bytes }) => sum + bytes, ownBytes);
}

function treeSizes(processes: readonly ProcessUse[], helpers: ReadonlySet<ProcessUse>): Map<ChildName, number> {
  const sizes = new Map<ChildName, number>();
  for (const use of processes) {
    if (!helpers.has(use)) sizes.set(use.child, (sizes.get(use.child) ?? 0) + use.bytes);
  }
  return sizes;
}
