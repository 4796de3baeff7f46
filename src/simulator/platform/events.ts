import type { Clock } from '../../host.ts';
import type { Cancel, PlatformEvent, LogLine } from '../simulation.ts';

/** Passes each value to all current listeners. */
export class EventFeed<T> {
  readonly #listeners = new Set<(value: T) => void>();

  subscribe(listener: (value: T) => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}

/** How the platform reports what it does. */
export type PlatformOutput = {
  log: (source: LogLine['source'], from: string, text: string) => void;
  emit: (event: Omit<PlatformEvent, 'atMs'>) => void;
};

/** Timers grouped by a key, so that they can be cancelled together. */
export class Timers {
  readonly #clock: Clock;
  readonly #running = new Map<Cancel, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(ms: number, key: string, run: () => void): void {
    const cancel = this.#clock.after(ms, () => {
      this.#running.delete(cancel);
      run();
    });
    this.#running.set(cancel, key);
  }

  /** Cancels the timers whose key begins with this prefix. Without a prefix: all. */
  cancel(key = ''): void {
    for (const [cancel, of] of this.#running) if (of.startsWith(key) && this.#running.delete(cancel)) cancel();
  }
}
