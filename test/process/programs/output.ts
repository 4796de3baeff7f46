import { clock } from '../../../src/process/clock.ts';
import { Output } from '../../../src/output/output.ts';

/** Writes so many numbered lines to its own stdout and says on stderr when; `tick`s until SIGUSR2, unless told to end at
 * once; then closes, waiting so long. */
const [lines = '10', atMostMs = '60000', mode = 'tick'] = process.argv.slice(2);
const output = new Output(1, clock, (count) => `dropped ${count}\n`);
const told = new Output(2, clock, () => '');
const beat = setInterval(() => output.write('tick\n'), 20);
const end = (): void => {
  clearInterval(beat);
  output.write('last\n');
  void output.close(Number(atMostMs));
  void told.close(1000);
};
process.once('SIGUSR2', end);
let kept = 0;
for (let n = 0; n < Number(lines); n += 1) if (output.write(`line ${n} é\n`)) kept += 1;
told.write(`written ${kept}\n`);
if (mode === 'once') end();
