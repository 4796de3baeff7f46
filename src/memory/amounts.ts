/** `530 MB`; a MB is 2^20 bytes, as the platforms count. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

/** `memory at 104 % of 512 MB` */
export function level(totalBytes: number, quotaBytes: number): string {
  return `memory at ${percent(totalBytes, quotaBytes)} % of ${megabytes(quotaBytes)}`;
}

export function percent(bytes: number, quotaBytes: number): number {
  return Math.round((100 * bytes) / quotaBytes);
}
