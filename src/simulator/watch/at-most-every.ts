/** Calls soon after it was asked to, yet at most once in so many milliseconds, however often it was asked. */
export class AtMostEvery {
  readonly #everyMs: number;
  readonly #call: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lastMs = -Infinity;

  constructor(everyMs: number, call: () => void) {
    this.#everyMs = everyMs;
    this.#call = call;
  }

  soon(): void {
    const waitMs = Math.max(0, this.#lastMs + this.#everyMs - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#lastMs = performance.now();
      this.#call();
    }, waitMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
