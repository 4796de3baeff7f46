import { SAME_CTRL_C_MS, type Signals } from '../process/signals.ts';

/** What a person at the keyboard, npm or a CI says to end us: once for good order, again for at once. */
export type Interruption = {
  /** `reason` is the name of the signal. */
  first: AbortSignal;
  second: AbortSignal;
};

export function listenForInterruption(signals: Pick<Signals, 'subscribe'>): Interruption {
  const [first, second] = [new AbortController(), new AbortController()];
  let firstAtMs = 0;
  // After another first signal as well: a runner may send TERM for a Ctrl-C that the terminal sends too.
  const take = (name: string): void => {
    if (!first.signal.aborted) {
      firstAtMs = performance.now();
      first.abort(name);
    } else if (name === 'SIGINT' && performance.now() - firstAtMs >= SAME_CTRL_C_MS) second.abort(name);
  };
  signals.subscribe((name) => {
    if (name === 'second-SIGINT') take('SIGINT');
    if (name === 'SIGINT' || name === 'SIGTERM' || name === 'SIGHUP') take(name);
  });
  process.on('SIGQUIT', () => take('SIGQUIT'));
  return { first: first.signal, second: second.signal };
}
