import type { Cancel, HandedOnSignal, StopSignal } from './host.ts';

type Name = StopSignal | HandedOnSignal;
const NAMES: readonly Name[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'];

export type Signals = {
  /** Gives every signal since `listenToSignals`, once, in order. */
  each: (listener: (name: Name) => void) => Cancel;
  /** Resolves with the second SIGINT of all. */
  readonly secondInterrupt: Promise<void>;
  /** As if it had come from outside. */
  post(name: Name): void;
  /** Back to what the signals did before. */
  close(): void;
};

/** Takes the signals from now on; what comes before somebody listens is kept. */
export function listenToSignals(): Signals {
  const waiting: Name[] = [];
  let [interrupts, hurry] = [0, (): void => {}];
  const secondInterrupt = new Promise<void>((resolve) => (hurry = resolve));
  let listener: ((name: Name) => void) | null = null;
  const deliver = (): void => {
    for (let name = listener && waiting.shift(); name; name = listener && waiting.shift()) listener?.(name);
  };
  const post = (name: Name): void => {
    waiting.push(name);
    deliver();
    if (name === 'SIGINT') interrupts += 1;
    if (interrupts === 2) hurry();
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
