import type { Cancel, Clock } from '../../src/host.ts';

/** A clock that only the test moves. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<symbol, { atMs: number; callback: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, callback: () => void): Cancel {
    const key = Symbol('timer');
    this.#timers.set(key, { atMs: this.#nowMs + ms, callback });
    return () => this.#timers.delete(key);
  }

  /** Moves the clock and runs the due timers in order. Pending promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= end).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].atMs);
      due[1].callback();
    }
    this.#nowMs = end;
    await settled();
  }

  /** Moves the clock without running timers, like a machine that wakes from sleep. */
  leap(ms: number): void {
    this.#nowMs += ms;
  }

  /** Number of pending timers. */
  get pendingTimers(): number {
    return this.#timers.size;
  }
}

/** Waits until pending promises have settled. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
