// Medians with their quartiles, as data and as a cell of a table.

/** Without a value: null, which is what JSON has for it. */
export function spreadOf(values) {
  const sorted = values.filter(Number.isFinite).sort((one, other) => one - other);
  if (sorted.length === 0) return null;
  const last = sorted.length - 1;
  return {
    median: sorted[Math.floor(last / 2)],
    low: sorted[Math.floor(0.25 * last)],
    high: sorted[Math.ceil(0.75 * last)],
    count: sorted.length,
  };
}

/** `54 ms (52 to 57)`; a dash where there is nothing. per: what of the values makes one unit. */
export function cell(spread, { unit, digits = 0, per = 1 }) {
  if (spread === null) return '—';
  const [middle, low, high] = [spread.median, spread.low, spread.high].map((value) => (value / per).toFixed(digits));
  return low === high ? `${middle} ${unit}` : `${middle} ${unit} (${low} to ${high})`;
}
