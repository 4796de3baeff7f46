import type { Cancel, MemoryReader, MemoryReading, ProcessUse } from '../../src/host.ts';
import type { FakeClock } from './clock.ts';

/** A machine whose memory the test says, and which counts how often it was read. */
export class FakeReader implements MemoryReader {
  processes: readonly ProcessUse[] = [];
  cgroupBytes: number | null = null;
  readonly reads = { quick: 0, exact: 0 };
  readonly #clock: FakeClock;
  #read: ReadonlySet<number> = new Set();
  #listener: (() => void) | null = null;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  hasNewProcess(): boolean {
    return this.processes.some(({ pid }) => !this.#read.has(pid));
  }

  read(exact: boolean): MemoryReading {
    this.#read = new Set(this.processes.map(({ pid }) => pid));
    this.reads[exact ? 'exact' : 'quick'] += 1;
    const { processes, cgroupBytes } = this;
    return { atMs: this.#clock.now(), exact, processes, ownBytes: 0, cgroupBytes, costMs: 1 };
  }

  onPressure(listener: () => void): Cancel {
    this.#listener = listener;
    return () => (this.#listener = null);
  }

  beShort(): void {
    this.#listener?.();
  }

  get isHeard(): boolean {
    return this.#listener !== null;
  }
}
