// Figures as text.
import type { Spread } from './statistics.ts';

export const MIB = 2 ** 20;
export const NO_FIGURE = '—';

/** How a value becomes text: `per` of the values make one unit. */
export type Unit = { unit: string; digits?: number; per?: number };

/** `54 ms (52 to 57)`. */
export function spreadText(spread: Spread | null, { unit, digits = 0, per = 1 }: Unit): string {
  if (spread === null) return NO_FIGURE;
  const text = (value: number) => (value / per).toFixed(digits);
  const [middle, low, high] = [text(spread.median), text(spread.low), text(spread.high)];
  return low === high ? `${middle} ${unit}` : `${middle} ${unit} (${low} to ${high})`;
}

/** The median without its quartiles. */
export function medianText(spread: Spread | null, unit: Unit): string {
  return spreadText(spread && { ...spread, low: spread.median, high: spread.median }, unit);
}

export function megabytes(bytes: number, digits = 0): string {
  return `${(bytes / MIB).toFixed(digits)} MB`;
}

export function kilobytes(bytes: number, digits = 0): string {
  return `${(bytes / 1024).toFixed(digits)} kB`;
}

export function milliseconds(ms: number, digits = 0): string {
  return `${ms.toFixed(digits)} ms`;
}

/** With one digit. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function ratio(value: number, digits = 2): string {
  return `${value.toFixed(digits)}x`;
}

/** With a space between thousands. */
export function wholeNumber(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** With a sign, and two digits. */
export function signedMs(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${Math.abs(ms).toFixed(2)} ms`;
}

/** Empty for NaN. */
export function microseconds(us: number): string {
  return Number.isNaN(us) ? '' : `${us.toFixed(0)} µs`;
}
