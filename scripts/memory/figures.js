// Numbers for people: medians, megabytes, tables in markdown.
export const MIB = 2 ** 20;

export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
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
