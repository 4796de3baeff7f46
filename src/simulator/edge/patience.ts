/** Waits for one thing at a time, and says when it took too long. */
export class Patience {
  #timer: NodeJS.Timeout | undefined;

  /** In place of what was waited for before. */
  start(forMs: number, isOver: () => void): void {
    this.stop();
    this.#timer = setTimeout(isOver, forMs);
  }

  /** Something moved: the time starts anew. */
  touch(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
