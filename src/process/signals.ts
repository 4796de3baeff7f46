import type { Cancel, Clock, ForwardedSignal, ReceivedSignal, StopSignal } from '../host.ts';
import { clock as monotonicClock } from './runtime.ts';

type HandledSignal = StopSignal | ForwardedSignal;
const HANDLED_SIGNALS: readonly HandledSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'];

/** A SIGINT that follows the first one within this time is a copy of it. A terminal sends Ctrl-C to its whole foreground process
 * group, and `timeout`, `foreman run` and npm, which belong to the group, forward it as well. */
export const SAME_CTRL_C_MS = 500;

export type Signals = {
  /** Passes each signal since `listenToSignals` once, in order, to one listener. The second SIGINT arrives as `second-SIGINT`. Copies of
   * the first SIGINT, and all after the second, are dropped. */
  subscribe: (listener: (signal: ReceivedSignal) => void) => Cancel;
  /** Resolves with the second SIGINT. */
  readonly secondInterrupt: Promise<void>;
  /** Acts as if the process had received the signal. */
  post(name: HandledSignal): void;
  close(): void;
};

/** Handles the signals from now on. Signals that arrive before there is a listener are queued for it. */
export function listenToSignals(clock: Pick<Clock, 'now'> = monotonicClock): Signals {
  const queue: ReceivedSignal[] = [];
  const countInterrupt = interruptCounter();
  let onSecond = (): void => {};
  const secondInterrupt = new Promise<void>((resolve) => (onSecond = resolve));
  let listener: ((signal: ReceivedSignal) => void) | null = null;
  const deliver = (): void => {
    for (let next = listener && queue.shift(); next; next = listener && queue.shift()) listener?.(next);
  };
  const post = (name: HandledSignal): void => {
    const signal = name === 'SIGINT' ? countInterrupt(clock.now()) : name;
    if (signal === null) return;
    queue.push(signal);
    deliver();
    if (signal === 'second-SIGINT') onSecond();
  };
  const handler = (name: NodeJS.Signals): void => post(name as HandledSignal);
  for (const name of HANDLED_SIGNALS) process.on(name, handler);
  return {
    subscribe(newListener) {
      listener = newListener;
      deliver();
      return () => {
        if (listener === newListener) listener = null;
      };
    },
    post,
    secondInterrupt,
    close() {
      for (const name of HANDLED_SIGNALS) process.removeListener(name, handler);
    },
  };
}

/** Counts SIGINTs by their time of arrival, however late the listener gets them. Returns null for a copy of the first SIGINT, and
 * after the second one. */
function interruptCounter(): (nowMs: number) => 'SIGINT' | 'second-SIGINT' | null {
  let firstAtMs: number | null = null;
  let hasSecond = false;
  return (nowMs) => {
    if (hasSecond || (firstAtMs !== null && nowMs - firstAtMs < SAME_CTRL_C_MS)) return null;
    hasSecond = firstAtMs !== null;
    firstAtMs ??= nowMs;
    return hasSecond ? 'second-SIGINT' : 'SIGINT';
  };
}
