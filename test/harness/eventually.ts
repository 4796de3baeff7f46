/** Polls until `assertion` no longer throws; gives its value. The only clock in it is the bound, far above any real wait. */
export async function eventually<T>(assertion: () => T | Promise<T>, atMostMs = 60_000): Promise<T> {
  const end = performance.now() + atMostMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      const final = error instanceof Error && 'final' in error;
      if (final || performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
