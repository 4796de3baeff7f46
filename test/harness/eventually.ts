/** Polls until `assertion` no longer throws, and returns its value. The timeout is far above any real wait. An error with a property
 * `isFinal` ends the polling. */
export async function eventually<T>(assertion: () => T | Promise<T>, timeoutMs = 60_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      const isFinal = error instanceof Error && 'isFinal' in error;
      if (isFinal || performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
