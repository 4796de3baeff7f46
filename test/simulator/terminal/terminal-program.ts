import { appendFileSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Action, Answer } from '../../../src/simulator/action.ts';
import { ownTerminal, openTerminal } from '../../../src/simulator/terminal/terminal.ts';
import { FakeSimulation } from '../fake-simulation.ts';

/**
 * Opens the terminal for a fake simulation. Records actions and a heartbeat in a file. Deploy logs a line,
 * `s` logs ten thousand lines, `x` throws an uncaught error. Quit ends it, except in mode linger.
 */
const [file = '', mode = ''] = process.argv.slice(2);
const note = (what: object): void => appendFileSync(file, `${JSON.stringify(what)}\n`);
const alive = setInterval(() => {
  note({ alive: true });
  simulation.advance(1000);
}, 50);

class Simulation extends FakeSimulation {
  override act(action: Action): Promise<Answer> {
    note(action);
    if (action.type === 'deploy') this.log('a line of web.1', { from: 'web.1' });
    if (action.type === 'open-stream') flood();
    if (action.type === 'close-stream') setImmediate(() => fail());
    const isRestart = action.type === 'restart';
    return Promise.resolve({ ok: !isRestart, text: isRestart ? 'No: it rests' : 'Done as asked' });
  }
}

const simulation = new Simulation();
const terminal = openTerminal(simulation, {
  ...ownTerminal(),
  env: process.env,
  pageUrl: 'http://localhost:5007',
  quit() {
    note({ quit: true });
    if (mode === 'linger') return;
    simulation.log('last words');
    void terminal.close().then(() => {
      clearInterval(alive);
      note({ closed: simulation.hasNoListeners });
    });
  },
  quitNow() {
    note({ atOnce: true });
    process.exit(9);
  },
});
process.on('SIGUSR2', flood);
process.on('SIGTERM', () => void terminal.close().then(() => clearInterval(alive)));
simulation.log('the first line \x1b[2J\x1b[31mred\x1b[0m');
note({ pid: process.pid, tty: isatty(0) ? readlinkSync('/proc/self/fd/0') : null });

function flood(): void {
  for (let n = 0; n < 10_000; n += 1) simulation.log(`line ${n} of many, ${'x'.repeat(60)}`);
  note({ flooded: true });
}

function fail(): never {
  throw new Error('uncaught error of the test');
}
