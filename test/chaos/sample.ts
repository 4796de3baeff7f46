import fc from 'fast-check';

/** One for each seed and number, always the same. */
export function sampleOf<T>(arbitrary: fc.Arbitrary<T>, seed: number, number: number): T {
  const [one] = fc.sample(arbitrary, { seed: (seed * 1_000_003 + number) | 0, numRuns: 1 });
  if (one === undefined) throw new Error('no story');
  return one;
}
