/** `340 ms`, `2.3 s`, `29.7 s`, `60 s` */
export function duration(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}

/** In mebibytes, as the platform writes them: `512M` */
export function memory(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}

/** `118M (23 %)` */
export function share(bytes: number, quotaBytes: number): string {
  return `${memory(bytes)} (${Math.round((100 * bytes) / quotaBytes)} %)`;
}

/** `supervisor, puma, puma worker x2` */
export function list(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const words = [...counts].map(([label, count]) => (count === 1 ? label : `${label} x${count}`));
  return words.join(', ') || 'none';
}
