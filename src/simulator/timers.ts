import type { Cancel, Clock } from '../host.ts';

/** Timers of somebody's, so that they can be forgotten together with what they were about. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Map<Cancel, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(ms: number, whose: string, run: () => void): void {
    const cancel = this.#clock.after(ms, () => {
      this.#running.delete(cancel);
      run();
    });
    this.#running.set(cancel, whose);
  }

  /** Those of everybody whose name begins so; of all without a name. */
  forget(whose = ''): void {
    for (const [cancel, of] of this.#running) if (of.startsWith(whose) && this.#running.delete(cancel)) cancel();
  }
}
