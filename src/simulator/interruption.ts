import type { Signals } from '../host/signals.ts';

/** What a person at the keyboard, npm or a CI says to end us: once for good order, again for at once. */
export type Interruption = {
  /** `reason` is the name of the signal. */
  first: AbortSignal;
  second: AbortSignal;
};

/** npm passes a Ctrl-C on that the terminal has already sent to us: what comes so soon is not a second one. */
const SAME_CTRL_C_MS = 500;

export function listenForInterruption(signals: Pick<Signals, 'each'>): Interruption {
  const [first, second] = [new AbortController(), new AbortController()];
  let lastMs = -Infinity;
  const take = (name: string): void => {
    if (name === 'SIGINT' && performance.now() - lastMs < SAME_CTRL_C_MS) return;
    lastMs = performance.now();
    if (!first.signal.aborted) first.abort(name);
    else if (name === 'SIGINT') second.abort(name);
  };
  signals.each((name) => {
    if (name === 'SIGINT' || name === 'SIGTERM' || name === 'SIGHUP') take(name);
  });
  process.on('SIGQUIT', () => take('SIGQUIT'));
  return { first: first.signal, second: second.signal };
}
