import type { Cancel } from './simulation.ts';

/** Hands each thing on to everybody who listens now. */
export class Feed<T> {
  readonly #listeners = new Set<(thing: T) => void>();

  on(listener: (thing: T) => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(thing: T): void {
    for (const listener of this.#listeners) listener(thing);
  }
}
