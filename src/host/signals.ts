import { clock } from './clock.ts';
import type { Cancel, Clock, HandedOnSignal, StopSignal } from './host.ts';

type Name = StopSignal | HandedOnSignal;
const NAMES: readonly Name[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'];

/** An INT that follows the first one within this time is a copy of it. A terminal sends Ctrl-C to its whole foreground process
 * group, and `timeout`, `foreman run` and npm, which belong to the group, forward it to us as well. */
export const SAME_CTRL_C_MS = 500;

export type Signals = {
  /** Gives every signal since `listenToSignals`, once, in order, without the copies of the first SIGINT. */
  each: (listener: (name: Name) => void) => Cancel;
  /** Resolves with the second SIGINT, copies of the first not counted. */
  readonly secondInterrupt: Promise<void>;
  /** As if it had come from outside. */
  post(name: Name): void;
  /** Back to what the signals did before. */
  close(): void;
};

/** Takes the signals from now on; signals that come before a listener is there are kept for it. */
export function listenToSignals(arrival: Pick<Clock, 'now'> = clock): Signals {
  const waiting: Name[] = [];
  const interrupts = new Interrupts();
  let hurry = (): void => {};
  const secondInterrupt = new Promise<void>((resolve) => (hurry = resolve));
  let listener: ((name: Name) => void) | null = null;
  const deliver = (): void => {
    for (let name = listener && waiting.shift(); name; name = listener && waiting.shift()) listener?.(name);
  };
  const post = (name: Name): void => {
    if (name === 'SIGINT' && !interrupts.take(arrival.now())) return;
    waiting.push(name);
    deliver();
    if (interrupts.count === 2) hurry();
  };
  const handler = (name: NodeJS.Signals): void => post(name as Name);
  for (const name of NAMES) process.on(name, handler);
  return {
    each(mine) {
      listener = mine;
      deliver();
      return () => {
        if (listener === mine) listener = null;
      };
    },
    post,
    secondInterrupt,
    close() {
      for (const name of NAMES) process.removeListener(name, handler);
    },
  };
}

/** Counts SIGINT from its arrival on, however late a listener gets it. */
class Interrupts {
  count = 0;
  #firstAtMs = 0;

  /** False for a copy of the first one. Each later one is a request of its own, however close together they are. */
  take(nowMs: number): boolean {
    if (this.count === 0) this.#firstAtMs = nowMs;
    else if (nowMs - this.#firstAtMs < SAME_CTRL_C_MS) return false;
    this.count += 1;
    return true;
  }
}
