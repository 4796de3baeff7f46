// Medians and quartiles.

/** A median with its quartiles, of `count` values. */
export type Spread = { median: number; low: number; high: number; count: number };

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Interpolates between the two nearest values; NaN without any. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const position = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  return below === undefined || above === undefined ? NaN : below + (above - below) * (position % 1);
}

/** Ignores NaN. Without values: null, which JSON can hold. */
export function spreadOf(values: readonly number[]): Spread | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  return {
    median: median(finite),
    low: quantile(finite, 0.25),
    high: quantile(finite, 0.75),
    count: finite.length,
  };
}

/** Zero without values. */
export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
