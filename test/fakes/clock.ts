import type { Cancel, Clock } from '../../src/host.ts';

/** A clock that stands still until it is told. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<symbol, { atMs: number; run: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const key = Symbol('timer');
    this.#timers.set(key, { atMs: this.#nowMs + ms, run });
    return () => this.#timers.delete(key);
  }

  /** Moves on and runs what is due, in order, giving promises their turn between. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= end).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].atMs);
      due[1].run();
    }
    this.#nowMs = end;
    await settled();
  }

  /** As a machine that was asleep wakes up: the time has passed, and no timer has run yet. */
  leap(ms: number): void {
    this.#nowMs += ms;
  }

  /** Timers that nobody cancelled. */
  get left(): number {
    return this.#timers.size;
  }
}

/** Lets every promise that can go on go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
