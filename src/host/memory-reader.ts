import type { Cgroup } from '../plan/place.ts';
import { readUsage } from './cgroup-usage.ts';
import type { Cancel, Clock, MemoryReader, MemoryReading, ProcessUse } from './host.ts';
import { lastPid, readUse } from './process-memory.ts';
import { Weighed, type Member } from './scales.ts';
import { onShortage } from './shortage.ts';

/** When our children together have moved fewer pages than this since they were counted, a megabyte, counting them again
 * would say the same: at rest, an exact reading then costs little more than a quick one. */
const STILL_PAGES = 256;

/** Reads what our trees use; null where there is no /proc for it. family: walks the trees, and says who of ours lives. */
export function memoryReader(
  family: () => readonly Member[],
  cgroup: Cgroup | null,
  clock: Clock,
  newestPid = lastPid,
): MemoryReader | null {
  return readUse(process.pid) === null ? null : new ProcReader(family, cgroup, clock, newestPid);
}

class ProcReader implements MemoryReader {
  readonly #family: () => readonly Member[];
  readonly #cgroup: Cgroup | null;
  readonly #clock: Clock;
  readonly #newestPid: () => number | null;
  readonly #self = new Weighed({ child: '', pid: process.pid, started: '' });
  #weighed = new Map<number, Weighed>();
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
    const cgroupBytes = this.#cgroup === null ? null : readUsage(this.#cgroup);
    const costMs = before === null ? 0 : cpuMsSince(before);
    return { atMs, exact, processes, ownBytes: this.#self.bytes, cgroupBytes, costMs };
  }

  hasNewProcess(): boolean {
    const pid = this.#newestPid();
    return this.#trustsLastPid && pid !== null && pid !== this.#lastPid;
  }

  onShortage(listener: () => void): Cancel {
    return onShortage(this.#cgroup, listener);
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
    this.#weighed = new Map(members.map((member) => [member.pid, this.#known(member) ?? new Weighed(member)]));
  }

  #known({ pid, started }: Member): Weighed | null {
    const known = this.#weighed.get(pid);
    return known?.member.started === started ? known : null;
  }

  #count(): void {
    const all = [...this.#weighed.values()];
    const isSame = all.length === this.#countedProcesses;
    if (!isSame || !isStill(all)) for (const weighed of all) weighed.count();
    this.#countedProcesses = all.length;
    if (this.#self.grownPages >= STILL_PAGES) this.#self.count();
  }
}

/** The pages of one are the others' affair, too: what one no longer shares, the others have to themselves. */
function isStill(all: readonly Weighed[]): boolean {
  return all.reduce((pages, { movedPages }) => pages + movedPages, 0) < STILL_PAGES;
}

function inReading({ member, use, name, program, bytes }: Weighed): ProcessUse | null {
  if (use === null) return null;
  const { pid, started, child } = member;
  return { pid, started, parent: use.parent, name, program, child, bytes };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
