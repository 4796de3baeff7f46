import { writeSync } from 'node:fs';
import { listenToSignals } from '../../../src/process/signals.ts';

/** Keeps signals until SIGUSR2 comes, tells of them from then on, and gives all back at SIGUSR1. */
const signals = listenToSignals();
const say = (text: string): void => void writeSync(1, `${text}\n`);
const came = (name: NodeJS.Signals): void => say(`came ${name}`);
const early = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTTIN'] as const;
for (const name of early) process.on(name, came);
process.once('SIGUSR2', () => {
  for (const name of early) process.removeListener(name, came);
  signals.subscribe((name) => {
    say(`heard ${name}`);
    if (name !== 'SIGUSR1') return;
    signals.close();
    say('closed');
  });
});
setInterval(() => {}, 60_000);
say('up');
