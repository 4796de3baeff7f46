import { appendFileSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Action, Answer } from '../../../src/simulator/action.ts';
import { ownTerminal, watchInTerminal } from '../../../src/simulator/watch/terminal.ts';
import { FakeSimulation } from '../fake-simulation.ts';

/**
 * Watches a made-up simulation. Writes down in a file what it is told to do, and that it still runs. Deploy says a line,
 * `s` ten thousand lines, `x` throws where nobody catches it; a quit ends it, unless it is told to linger.
 */
const [file = '', mode = ''] = process.argv.slice(2);
const note = (what: object): void => appendFileSync(file, `${JSON.stringify(what)}\n`);
const alive = setInterval(() => {
  note({ alive: true });
  simulation.later(1000);
}, 50);

class Simulation extends FakeSimulation {
  override act(action: Action): Promise<Answer> {
    note(action);
    if (action.do === 'deploy') this.say('a line of web.1', { from: 'web.1' });
    if (action.do === 'open-stream') flood();
    if (action.do === 'close-stream') setImmediate(() => fail());
    const isRestart = action.do === 'restart';
    return Promise.resolve({ ok: !isRestart, text: isRestart ? 'No: it rests' : 'Done as asked' });
  }
}

const simulation = new Simulation();
const terminal = watchInTerminal(simulation, {
  ...ownTerminal(),
  env: process.env,
  pageUrl: 'http://localhost:5007',
  quit() {
    note({ quit: true });
    if (mode === 'linger') return;
    simulation.say('last words');
    void terminal.close().then(() => {
      clearInterval(alive);
      note({ closed: simulation.isLeft });
    });
  },
  quitAtOnce() {
    note({ atOnce: true });
    process.exit(9);
  },
});
process.on('SIGUSR2', flood);
process.on('SIGTERM', () => void terminal.close().then(() => clearInterval(alive)));
simulation.say('the first line \x1b[2J\x1b[31mred\x1b[0m');
note({ pid: process.pid, tty: isatty(0) ? readlinkSync('/proc/self/fd/0') : null });

function flood(): void {
  for (let n = 0; n < 10_000; n += 1) simulation.say(`line ${n} of many, ${'x'.repeat(60)}`);
  note({ flooded: true });
}

function fail(): never {
  throw new Error('a fault of ours');
}
