import type { Cancel, Clock, MemoryReader, MemoryReading, ProcessId, ProcessUse } from '../host.ts';
import type { Cgroup } from '../plan/machine.ts';
import type { ChildName } from '../plan/spec.ts';
import { onMemoryPressure, readCgroupUsage } from './cgroup.ts';
import {
  estimate,
  lastPid,
  programOf,
  readExact,
  readFaults,
  readMemoryUse,
  type MemoryUse,
} from './process-memory.ts';

/** Pages that all processes together may change before they are counted again (1 MB): with fewer changes a new count would give the
 * same result. At rest an exact reading therefore costs little more than a quick one. */
const UNCHANGED_PAGES = 256;

/** Reads the memory of the children's processes; null without /proc. scan: finds their living processes. */
export function memoryReader(
  scan: () => readonly ChildProcessId[],
  cgroup: Cgroup | null,
  clock: Clock,
  newestPid = lastPid,
): MemoryReader | null {
  return readMemoryUse(process.pid) === null ? null : new ProcReader(scan, cgroup, clock, newestPid);
}

class ProcReader implements MemoryReader {
  readonly #scan: () => readonly ChildProcessId[];
  readonly #cgroup: Cgroup | null;
  readonly #clock: Clock;
  readonly #newestPid: () => number | null;
  readonly #ownSample = new MemorySample({ child: '', pid: process.pid, started: '' });
  #samples = new Map<number, MemorySample>();
  #countedProcesses = 0;
  #lastPid: number | null = null;
  /** False when the last pid is known not to change: some containers emulate /proc (lxcfs, gVisor). */
  #trustsLastPid = true;

  constructor(
    scan: () => readonly ChildProcessId[],
    cgroup: Cgroup | null,
    clock: Clock,
    newestPid: () => number | null,
  ) {
    this.#newestPid = newestPid;
    this.#scan = scan;
    this.#cgroup = cgroup;
    this.#clock = clock;
  }

  read(exact: boolean): MemoryReading {
    const cpuBefore = exact ? process.cpuUsage() : null;
    const atMs = this.#clock.now();
    this.#findProcesses(exact);
    for (const sample of this.#samples.values()) sample.readQuick();
    for (const [pid, { use }] of this.#samples) if (use === null) this.#samples.delete(pid);
    if (exact || this.#ownSample.use === null) this.#ownSample.readQuick(); // ours changes little: a quick reading reuses it
    if (exact) this.#count();
    const processes = [...this.#samples.values()].flatMap((sample) => toProcessUse(sample) ?? []);
    const cgroupBytes = this.#cgroup === null ? null : readCgroupUsage(this.#cgroup);
    const costMs = cpuBefore === null ? 0 : cpuMsSince(cpuBefore);
    return { atMs, exact, processes, ownBytes: this.#ownSample.bytes, cgroupBytes, costMs };
  }

  hasNewProcess(): boolean {
    const pid = this.#newestPid();
    return this.#trustsLastPid && pid !== null && pid !== this.#lastPid;
  }

  onPressure(listener: () => void): Cancel {
    return onMemoryPressure(this.#cgroup, listener);
  }

  /** Without a new pid there is no new process, and no scan is needed: that makes a reading cheap. An exact reading scans anyway, and
   * stops trusting the last pid if it finds a new process then. */
  #findProcesses(exact: boolean): void {
    const pid = this.#newestPid();
    const isUnchanged = this.#trustsLastPid && pid !== null && pid === this.#lastPid;
    if (isUnchanged && !exact) return;
    const found = this.#scan();
    if (isUnchanged && found.some((id) => this.#sampleOf(id) === null) && this.#newestPid() === pid) {
      this.#trustsLastPid = false;
    }
    this.#lastPid = pid;
    this.#samples = new Map(found.map((id) => [id.pid, this.#sampleOf(id) ?? new MemorySample(id)]));
  }

  #sampleOf({ pid, started }: ChildProcessId): MemorySample | null {
    const sample = this.#samples.get(pid);
    return sample?.id.started === started ? sample : null;
  }

  #count(): void {
    const samples = [...this.#samples.values()];
    const isSameNumber = samples.length === this.#countedProcesses;
    if (!isSameNumber || !areUnchanged(samples)) for (const sample of samples) sample.count();
    this.#countedProcesses = samples.length;
    if (this.#ownSample.sizeChangePages >= UNCHANGED_PAGES) this.#ownSample.count();
  }
}

/** Looks at all processes together: a page that one process no longer shares counts more for the others. */
function areUnchanged(samples: readonly MemorySample[]): boolean {
  return samples.reduce((pages, { changedPages }) => pages + changedPages, 0) < UNCHANGED_PAGES;
}

function toProcessUse({ id, use, name, program, bytes }: MemorySample): ProcessUse | null {
  if (use === null) return null;
  const { pid, started, child } = id;
  return { pid, started, parent: use.parent, name, program, child, bytes };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const PAGE_BYTES = 4096;

/** A process and the child that it descends from. */
export type ChildProcessId = ProcessId & { child: ChildName };

/** The memory of one process: its last quick reading, and the last exact count. */
export class MemorySample {
  readonly id: ChildProcessId;
  name = '';
  program: string | null = null;
  /** The last quick reading; null once the process has exited. */
  use: MemoryUse | null = null;
  #lastCount: { use: MemoryUse; faults: number; exactBytes: number | null } | null = null;

  constructor(id: ChildProcessId) {
    this.id = id;
  }

  readQuick(): void {
    const { pid } = this.id;
    this.use = readMemoryUse(pid);
    if (this.use === null || this.use.name === this.name) return;
    this.name = this.use.name;
    this.program = programOf(pid);
    this.#lastCount = null; // it runs another program now, so the old count does not apply
  }

  /** Pages that the process has gained, given back or copied since the last count. */
  get changedPages(): number {
    if (this.use === null || this.#lastCount === null) return Infinity;
    return this.sizeChangePages + readFaults(this.id.pid) - this.#lastCount.faults;
  }

  /** Difference in pages since the last count, growth or shrinkage. Sufficient for a process that shares no pages with a fork. */
  get sizeChangePages(): number {
    if (this.use === null || this.#lastCount === null) return Infinity;
    const { use: now } = this;
    const { use: then } = this.#lastCount;
    const kinds = ['anonBytes', 'fileBytes', 'shmemBytes', 'swapBytes'] as const;
    return kinds.reduce((sum, kind) => sum + Math.abs(now[kind] - then[kind]), 0) / PAGE_BYTES;
  }

  count(): void {
    const { pid } = this.id;
    if (this.use !== null) this.#lastCount = { use: this.use, faults: readFaults(pid), exactBytes: readExact(pid) };
  }

  /** The last count plus the growth of the quick readings since then. Without a count: the quick reading, which includes all shared
   * memory and is usually too high. */
  get bytes(): number {
    if (this.use === null) return 0;
    const now = estimate(this.use);
    if (this.#lastCount === null || this.#lastCount.exactBytes === null) return now;
    return Math.max(0, this.#lastCount.exactBytes + now - estimate(this.#lastCount.use));
  }
}
