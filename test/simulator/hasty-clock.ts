import type { Cancel, Clock } from '../../src/host.ts';

/** Virtual time that jumps from one timer to the next as soon as nothing else is to be done. */
export class HastyClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];
  #isGoing = false;

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.push(timer);
    this.#go();
    return () => (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  #go(): void {
    if (this.#isGoing) return;
    this.#isGoing = true;
    setImmediate(() => {
      this.#isGoing = false;
      const next = this.#timers.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined) return;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.run();
      if (this.#timers.length > 0) this.#go();
    });
  }
}
