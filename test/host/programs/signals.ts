import { writeSync } from 'node:fs';
import { listenToSignals } from '../../../src/host/signals.ts';

/** Nobody listens until SIGUSR2 comes; SIGUSR1 gives the signals back. */
const signals = listenToSignals();
const say = (text: string): void => void writeSync(1, `${text}\n`);
const stay = setInterval(() => {}, 60_000);
process.once('SIGUSR2', () => {
  signals.each((name) => {
    say(`heard ${name}`);
    if (name !== 'SIGUSR1') return;
    signals.close();
    clearInterval(stay);
    setInterval(() => {}, 60_000);
    say('closed');
  });
});
for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGTTIN'] as const) process.on(name, () => say(`came ${name}`));
say('up');
process.on('SIGWINCH', () => process.removeAllListeners());
