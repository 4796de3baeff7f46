/** `530 MB`; a MB is 2^20 bytes, as the platforms count. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

/** `memory at 104 % of 512 MB` */
export function level(totalBytes: number, quotaBytes: number): string {
  return `memory at ${percent(totalBytes, quotaBytes)} % of ${megabytes(quotaBytes)}`;
}

/** `memory at 190 % of 512 MB, the platform kills at 200 %` */
export function danger(totalBytes: number, quotaBytes: number, killBytes: number): string {
  return `${level(totalBytes, quotaBytes)}, the platform kills at ${percent(killBytes, quotaBytes)} %`;
}

export function percent(bytes: number, quotaBytes: number): number {
  return Math.round((100 * bytes) / quotaBytes);
}

/** The element for which `of` is largest; null of none. */
export function largest<T>(all: readonly T[], of: (one: T) => number): T | null {
  return all.reduce<T | null>((best, one) => (best === null || of(one) > of(best) ? one : best), null);
}
