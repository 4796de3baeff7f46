/** Ends this process by the signal itself, as ruby does after its own handler: the parent sees a signal, not a code. */
export function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
