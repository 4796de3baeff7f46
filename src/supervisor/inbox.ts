/** Events in the order of their arrival, for one reader. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #reader: ((item: T) => void) | null = null;

  put(item: T): void {
    const reader = this.#reader;
    this.#reader = null;
    if (reader) reader(item);
    else this.#items.push(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => (this.#reader = resolve));
  }
}
