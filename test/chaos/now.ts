/** The monotonic clock, in milliseconds, as the children read it. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
