// Numbers for people: medians, megabytes, tables in markdown.
export const MIB = 2 ** 20;

export function median(values) {
  return quantile(values, 0.5);
}

/** Between the two values that the share of them falls between; NaN without any. */
export function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below === undefined ? NaN : below + (above - below) * (place % 1);
}

export function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

export function mb(bytes) {
  return `${Math.round(bytes / MIB)} MB`;
}

export function secondsOf(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function times(one, other) {
  return `${(one / other).toFixed(2)}x`;
}

/** rows: lists of cells, the first of them the heads. */
export function markdownTable([heads, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}
