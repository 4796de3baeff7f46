import type { ChildName } from '../plan/spec.ts';
import type { ProcessId } from './host.ts';
import { estimate, programOf, readExact, readFaults, readUse, type Use } from './process-memory.ts';

const PAGE_BYTES = 4096;

export type Member = ProcessId & { child: ChildName };

/** A process on the scales, and what it weighed when its pages were last counted. */
export class Weighed {
  readonly member: Member;
  name = '';
  program: string | null = null;
  /** The quick look of this reading; null once the process has ended. */
  use: Use | null = null;
  #then: { use: Use; faults: number; exactBytes: number | null } | null = null;

  constructor(member: Member) {
    this.member = member;
  }

  look(): void {
    const { pid } = this.member;
    this.use = readUse(pid);
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
