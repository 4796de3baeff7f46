import type { Cancel, Clock, ForwardedSignal, Request, StopSignal } from '../host.ts';
import { clock } from './clock.ts';

type HandledSignal = StopSignal | ForwardedSignal;
const HANDLED_SIGNALS: readonly HandledSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'];

/** A SIGINT that follows the first one within this time is a copy of it. A terminal sends Ctrl-C to its whole foreground process
 * group, and `timeout`, `foreman run` and npm, which belong to the group, forward it as well. */
export const SAME_CTRL_C_MS = 500;

export type Signals = {
  /** Gives each signal since `listenToSignals`, once, in order, to one listener. The second SIGINT is given as `second-SIGINT`; copies of
   * the first, and those after the second, are left out. */
  subscribe: (listener: (request: Request) => void) => Cancel;
  /** Resolves with the second SIGINT. */
  readonly secondInterrupt: Promise<void>;
  /** As if the signal had come from outside. */
  post(name: HandledSignal): void;
  /** Restores what the signals did before. */
  close(): void;
};

/** Handles the signals from now on; those that come before there is a listener are kept for it. */
export function listenToSignals(arrival: Pick<Clock, 'now'> = clock): Signals {
  const queue: Request[] = [];
  const interrupts = new Interrupts();
  let onSecond = (): void => {};
  const secondInterrupt = new Promise<void>((resolve) => (onSecond = resolve));
  let listener: ((request: Request) => void) | null = null;
  const deliver = (): void => {
    for (let next = listener && queue.shift(); next; next = listener && queue.shift()) listener?.(next);
  };
  const post = (name: HandledSignal): void => {
    const request = name === 'SIGINT' ? interrupts.take(arrival.now()) : name;
    if (request === null) return;
    queue.push(request);
    deliver();
    if (request === 'second-SIGINT') onSecond();
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

/** Counts SIGINT by the time of its arrival, however late a listener gets it. */
class Interrupts {
  #firstAtMs: number | null = null;
  #isOver = false;

  /** null for a copy of the first one, and after the second one. */
  take(nowMs: number): 'SIGINT' | 'second-SIGINT' | null {
    if (this.#firstAtMs === null) {
      this.#firstAtMs = nowMs;
      return 'SIGINT';
    }
    if (this.#isOver || nowMs - this.#firstAtMs < SAME_CTRL_C_MS) return null;
    this.#isOver = true;
    return 'second-SIGINT';
  }
}
