/** False where nobody was there any more. */
export function signalIfAlive(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** The monotonic clock, in milliseconds, as the children read it. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
