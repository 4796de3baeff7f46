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

/** When our children together have moved fewer pages than this since they were counted, a megabyte, counting them again
 * would say the same: at rest, an exact reading then costs little more than a quick one. */
const UNCHANGED_PAGES = 256;

/** Reads what our trees use; null where there is no /proc for it. family: walks the trees, and says who of ours lives. */
export function memoryReader(
  family: () => readonly Member[],
  cgroup: Cgroup | null,
  clock: Clock,
  newestPid = lastPid,
): MemoryReader | null {
  return readMemoryUse(process.pid) === null ? null : new ProcReader(family, cgroup, clock, newestPid);
}

class ProcReader implements MemoryReader {
  readonly #family: () => readonly Member[];
  readonly #cgroup: Cgroup | null;
  readonly #clock: Clock;
  readonly #newestPid: () => number | null;
  readonly #self = new MemorySample({ child: '', pid: process.pid, started: '' });
  #weighed = new Map<number, MemorySample>();
  #countedProcesses = 0;
  #lastPid: number | null = null;
  /** Containers with a /proc of their own making (lxcfs, gVisor) may show a last pid that stands still. */
  #trustsLastPid = true;

  constructor(family: () => readonly Member[], cgroup: Cgroup | null, clock: Clock, newestPid: () => number | null) {
    this.#newestPid = newestPid;
    this.#family = family;
    this.#cgroup = cgroup;
    this.#clock = clock;
  }

  read(exact: boolean): MemoryReading {
    const before = exact ? process.cpuUsage() : null;
    const atMs = this.#clock.now();
    this.#findProcesses(exact);
    for (const weighed of this.#weighed.values()) weighed.look();
    for (const [pid, { use }] of this.#weighed) if (use === null) this.#weighed.delete(pid);
    if (exact || this.#self.use === null) this.#self.look(); // we change little: a quick reading takes us as we were
    if (exact) this.#count();
    const processes = [...this.#weighed.values()].flatMap((weighed) => inReading(weighed) ?? []);
    const cgroupBytes = this.#cgroup === null ? null : readCgroupUsage(this.#cgroup);
    const costMs = before === null ? 0 : cpuMsSince(before);
    return { atMs, exact, processes, ownBytes: this.#self.bytes, cgroupBytes, costMs };
  }

  hasNewProcess(): boolean {
    const pid = this.#newestPid();
    return this.#trustsLastPid && pid !== null && pid !== this.#lastPid;
  }

  onPressure(listener: () => void): Cancel {
    return onMemoryPressure(this.#cgroup, listener);
  }

  /** As long as no pid was given there is nobody new, and the trees need not be walked: that is what makes a reading cheap.
   * An exact one walks them anyway, and holds the last pid to what it finds. */
  #findProcesses(exact: boolean): void {
    const pid = this.#newestPid();
    const isQuiet = this.#trustsLastPid && pid !== null && pid === this.#lastPid;
    if (isQuiet && !exact) return;
    const members = this.#family();
    if (isQuiet && members.some((member) => this.#known(member) === null) && this.#newestPid() === pid) {
      this.#trustsLastPid = false;
    }
    this.#lastPid = pid;
    this.#weighed = new Map(members.map((member) => [member.pid, this.#known(member) ?? new MemorySample(member)]));
  }

  #known({ pid, started }: Member): MemorySample | null {
    const known = this.#weighed.get(pid);
    return known?.member.started === started ? known : null;
  }

  #count(): void {
    const all = [...this.#weighed.values()];
    const isSame = all.length === this.#countedProcesses;
    if (!isSame || !isStill(all)) for (const weighed of all) weighed.count();
    this.#countedProcesses = all.length;
    if (this.#self.grownPages >= UNCHANGED_PAGES) this.#self.count();
  }
}

/** The pages of one are the others' affair, too: what one no longer shares, the others have to themselves. */
function isStill(all: readonly MemorySample[]): boolean {
  return all.reduce((pages, { movedPages }) => pages + movedPages, 0) < UNCHANGED_PAGES;
}

function inReading({ member, use, name, program, bytes }: MemorySample): ProcessUse | null {
  if (use === null) return null;
  const { pid, started, child } = member;
  return { pid, started, parent: use.parent, name, program, child, bytes };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const PAGE_BYTES = 4096;

export type Member = ProcessId & { child: ChildName };

/** A process on the scales, and what it weighed when its pages were last counted. */
export class MemorySample {
  readonly member: Member;
  name = '';
  program: string | null = null;
  /** The quick look of this reading; null once the process has ended. */
  use: MemoryUse | null = null;
  #then: { use: MemoryUse; faults: number; exactBytes: number | null } | null = null;

  constructor(member: Member) {
    this.member = member;
  }

  look(): void {
    const { pid } = this.member;
    this.use = readMemoryUse(pid);
    if (this.use === null || this.use.name === this.name) return;
    this.name = this.use.name;
    this.program = programOf(pid);
    this.#then = null; // it runs another program now, about which the old count says nothing
  }

  /** How many pages it has got, given back or made its own since its pages were counted. */
  get movedPages(): number {
    if (this.use === null || this.#then === null) return Infinity;
    return this.grownPages + readFaults(this.member.pid) - this.#then.faults;
  }

  /** How many more or fewer pages it has since then: all there is to it for one that shares none with a fork. */
  get grownPages(): number {
    if (this.use === null || this.#then === null) return Infinity;
    const { use: now } = this;
    const { use: then } = this.#then;
    const kinds = ['anonBytes', 'fileBytes', 'shmemBytes', 'swapBytes'] as const;
    return kinds.reduce((sum, kind) => sum + Math.abs(now[kind] - then[kind]), 0) / PAGE_BYTES;
  }

  count(): void {
    const { pid } = this.member;
    if (this.use !== null) this.#then = { use: this.use, faults: readFaults(pid), exactBytes: readExact(pid) };
  }

  /** In bytes: what was counted, and what the quick look has grown by since. Without a count it is the quick look alone,
   * with everything that it shares: rather too much. */
  get bytes(): number {
    if (this.use === null) return 0;
    const now = estimate(this.use);
    if (this.#then === null || this.#then.exactBytes === null) return now;
    return Math.max(0, this.#then.exactBytes + now - estimate(this.#then.use));
  }
}
