import { clock } from '../../../src/process/runtime.ts';
import { Output } from '../../../src/output/output.ts';

/** Arguments: LINES TIMEOUT-MS MODE. Writes numbered lines to stdout and their number to stderr. Then writes `tick` until SIGUSR2, or not at
 * all in the mode `once`, and closes the output. */
const [lines = '10', timeoutMs = '60000', mode = 'tick'] = process.argv.slice(2);
const output = new Output(1, clock, (count) => `dropped ${count}\n`);
const stderr = new Output(2, clock, () => '');
const ticking = setInterval(() => output.write('tick\n'), 20);
const end = (): void => {
  clearInterval(ticking);
  output.write('last\n');
  void output.close(Number(timeoutMs));
  void stderr.close(1000);
};
process.once('SIGUSR2', end);
let kept = 0;
for (let n = 0; n < Number(lines); n += 1) if (output.write(`line ${n} é\n`)) kept += 1;
stderr.write(`written ${kept}\n`);
if (mode === 'once') end();
