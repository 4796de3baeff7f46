const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `512M`, `1.5 GB`: bytes; null for anything else. */
export function bytesOf(text: string): number | null {
  const [, number, unit] = /^\s*(\d{1,6}(?:[.,]\d{1,3})?)\s*([KMG])i?B?\s*$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number?.replace(',', '.')) * (UNITS[unit?.toUpperCase() ?? ''] ?? NaN));
  return bytes > 0 ? bytes : null;
}

/** As a person types it: `512M`, `1G`. */
export function typed(bytes: number): string {
  const gigabytes = bytes / 2 ** 30;
  return Number.isInteger(gigabytes) ? `${gigabytes}G` : `${Math.round(bytes / 2 ** 20)}M`;
}
