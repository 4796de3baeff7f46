// Limits for work that runs at the same time.

/** Calls `act` for each item, for at most `limit` of them at a time. */
export async function forEachLimited<Item>(
  limit: number,
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const workers = Array.from({ length: limit }, (_, index) => index);
  await forEachOnWorkers(workers, items, (_, item) => act(item));
}

/** Calls `act` for each item; each worker takes the next item when its previous one is done. */
export async function forEachOnWorkers<Worker, Item>(
  workers: readonly Worker[],
  items: readonly Item[],
  act: (worker: Worker, item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    workers.map(async (worker) => {
      for (const item of queue) await act(worker, item);
    }),
  );
}

/** Grants a few permits at a time, in the order of the requests. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #permits: number;

  constructor(permits: number) {
    this.#permits = permits;
  }

  /** Resolves with the function that returns the permit. */
  async acquire(): Promise<() => void> {
    if (this.#permits > 0) this.#permits -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return () => this.#release();
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#permits += 1;
    else next();
  }
}
