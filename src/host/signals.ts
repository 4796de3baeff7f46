import type { Cancel, HandedOnSignal, StopSignal } from './host.ts';

type Name = StopSignal | HandedOnSignal;
const NAMES: readonly Name[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTTIN', 'SIGUSR1', 'SIGUSR2'];

export type Signals = {
  /** Gives every signal since `listenToSignals`, once, in order. */
  each: (listener: (name: Name) => void) => Cancel;
  /** As if it had come from outside. */
  post(name: Name): void;
  /** Back to what the signals did before. */
  close(): void;
};

/** Takes the signals from now on; what comes before somebody listens is kept. */
export function listenToSignals(): Signals {
  const early: Name[] = [];
  const keep = (name: Name): void => void early.push(name);
  let deliver = keep;
  const handler = (name: NodeJS.Signals): void => deliver(name as Name);
  for (const name of NAMES) process.on(name, handler);
  return {
    each(listener) {
      deliver = listener;
      for (const name of early.splice(0)) listener(name);
      return () => (deliver = keep);
    },
    post: (name) => deliver(name),
    close() {
      for (const name of NAMES) process.removeListener(name, handler);
    },
  };
}
