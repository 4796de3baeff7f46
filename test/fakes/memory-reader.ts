import type { Cancel, MemoryReader, MemoryReading, ProcessUse } from '../../src/host.ts';
import type { FakeClock } from './clock.ts';

/** Returns the memory figures that the test sets, and counts the readings. */
export class FakeMemoryReader implements MemoryReader {
  processes: readonly ProcessUse[] = [];
  cgroupBytes: number | null = null;
  readonly reads = { quick: 0, exact: 0 };
  readonly #clock: FakeClock;
  #readPids: ReadonlySet<number> = new Set();
  #listener: (() => void) | null = null;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  hasNewProcess(): boolean {
    return this.processes.some(({ pid }) => !this.#readPids.has(pid));
  }

  read(exact: boolean): MemoryReading {
    this.#readPids = new Set(this.processes.map(({ pid }) => pid));
    this.reads[exact ? 'exact' : 'quick'] += 1;
    const { processes, cgroupBytes } = this;
    return { atMs: this.#clock.now(), exact, processes, ownBytes: 0, cgroupBytes, costMs: 1 };
  }

  onPressure(listener: () => void): Cancel {
    this.#listener = listener;
    return () => (this.#listener = null);
  }

  signalPressure(): void {
    this.#listener?.();
  }

  get hasPressureListener(): boolean {
    return this.#listener !== null;
  }
}
