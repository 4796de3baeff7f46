// Medians with their quartiles, as data and as a cell of a table.
import { quantile } from '../memory/figures.js';

/** Without a value: null, which is what JSON has for it. */
export function spreadOf(values) {
  const found = values.filter(Number.isFinite);
  if (found.length === 0) return null;
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(found, share));
  return { median, low, high, count: found.length };
}

/** `54 ms (52 to 57)`; a dash where there is nothing. per: what of the values makes one unit. */
export function cell(spread, { unit, digits = 0, per = 1 }) {
  if (spread === null) return '—';
  const [middle, low, high] = [spread.median, spread.low, spread.high].map((value) => (value / per).toFixed(digits));
  return low === high ? `${middle} ${unit}` : `${middle} ${unit} (${low} to ${high})`;
}

/** The median alone. */
export function middleCell(spread, options) {
  return cell(spread && { ...spread, low: spread.median, high: spread.median }, options);
}
