import type { Cancel, Clock } from '../../../src/host.ts';

/** Virtual time that jumps to the next timer as soon as the event loop is idle. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];
  #isScheduled = false;

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.push(timer);
    this.#schedule();
    return () => (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const next = this.#timers.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined) return;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.run();
      if (this.#timers.length > 0) this.#schedule();
    });
  }
}
