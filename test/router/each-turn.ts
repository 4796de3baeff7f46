/** Polls on each turn of the event loop until `assertion` no longer throws, and gives its value. Far faster than `eventually` where
 * only this process has to make progress, at the price of a busy loop. */
export async function eachTurn<T>(assertion: () => T | Promise<T>, maxMs = 5000): Promise<T> {
  const end = performance.now() + maxMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await turn();
  }
}

/** Lets all pending reads and writes of this process happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
