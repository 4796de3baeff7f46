import type { MemoryReading, ProcessUse } from '../host/host.ts';
import type { ChildName } from '../plan/spec.ts';
import { megabytes } from './amounts.ts';
import { idOf, transientHelpers } from './transients.ts';

/** A reading with what it means. Sizes in bytes, growth in bytes a second since the reading before. */
export type View = {
  atMs: number;
  totalBytes: number;
  growth: number;
  /** The trees of the children, without their helpers. */
  children: ReadonlyMap<ChildName, number>;
  helpers: readonly Helper[];
  processes: readonly ProcessUse[];
  /** In the cgroup, and not ours. */
  otherBytes: number;
};
export type Helper = { use: ProcessUse; growth: number };

export function totalOf(reading: MemoryReading): number {
  return reading.cgroupBytes ?? sumOf(reading);
}

export function view(reading: MemoryReading, before: MemoryReading | null): View {
  const helpers = transientHelpers(reading.processes);
  const seconds = before === null ? 0 : Math.max(0.05, (reading.atMs - before.atMs) / 1000);
  const was = new Map(before?.processes.map((use) => [idOf(use), use.bytes]));
  const rate = (bytes: number): number => (seconds === 0 ? 0 : bytes / seconds);
  return {
    atMs: reading.atMs,
    totalBytes: totalOf(reading),
    growth: before === null ? 0 : rate(totalOf(reading) - totalOf(before)),
    children: trees(reading.processes, new Set(helpers)),
    helpers: helpers.map((use) => ({ use, growth: rate(use.bytes - (was.get(idOf(use)) ?? 0)) })),
    processes: reading.processes,
    otherBytes: Math.max(0, totalOf(reading) - sumOf(reading)),
  };
}

function sumOf({ processes, ownBytes }: MemoryReading): number {
  return processes.reduce((sum, { bytes }) => sum + bytes, ownBytes);
}

function trees(processes: readonly ProcessUse[], helpers: ReadonlySet<ProcessUse>): Map<ChildName, number> {
  const sums = new Map<ChildName, number>();
  for (const use of processes) {
    if (!helpers.has(use)) sums.set(use.child, (sums.get(use.child) ?? 0) + use.bytes);
  }
  return sums;
}

/** `sidekiq with 300 MB` */
export function biggest({ children, helpers, otherBytes }: View): string {
  const all = [
    ...children,
    ...helpers.map(({ use }): [string, number] => [`${use.name} in the tree of ${use.child}`, use.bytes]),
    ['what is not ours', otherBytes] as const,
  ];
  const [name, held] = all.reduce((one, other) => (other[1] > one[1] ? other : one));
  return `${name} with ${megabytes(held)}`;
}
