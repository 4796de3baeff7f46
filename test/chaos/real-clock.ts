/** As the children read it: CLOCK_MONOTONIC, in milliseconds. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
