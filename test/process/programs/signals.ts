import { writeSync } from 'node:fs';
import { listenToSignals } from '../../../src/process/signals.ts';

/** Queues signals until SIGUSR2 arrives, prints them from then on, and restores the default handling at SIGUSR1. */
const signals = listenToSignals();
const print = (text: string): void => void writeSync(1, `${text}\n`);
const onSignal = (name: NodeJS.Signals): void => print(`received ${name}`);
const early = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTTIN'] as const;
for (const name of early) process.on(name, onSignal);
process.once('SIGUSR2', () => {
  for (const name of early) process.removeListener(name, onSignal);
  signals.subscribe((name) => {
    print(`handled ${name}`);
    if (name !== 'SIGUSR1') return;
    signals.close();
    print('closed');
  });
});
setInterval(() => {}, 60_000);
print('up');
