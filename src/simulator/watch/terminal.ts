import { isatty } from 'node:tty';
import { clock } from '../../process/clock.ts';
import { Output } from '../../output/output.ts';
import type { Simulation } from '../simulation.ts';
import { wantsColours } from './colours.ts';
import { lineText } from './line-text.ts';
import { LiveTerminal } from './terminal-live.ts';
import { CLOSE_MOST_MS, type TerminalInput, type TerminalOptions, type Watching } from './terminal-options.ts';
import { missingLines } from './waiting-lines.ts';

/** The descriptors 0 and 1 of this process. */
export function ownTerminal(): Pick<TerminalOptions, 'input' | 'output'> {
  return {
    input: isatty(0) ? process.stdin : NO_INPUT,
    output: isatty(1) ? process.stdout : { fd: 1 },
  };
}

/** Prints the platform's log. On a terminal, below it, a last line that stays, with the state of the dynos, and keys that
 * act; elsewhere plain lines, and nothing is read. Whoever reads us too slowly loses lines, which are counted, and never
 * holds the simulation up. */
export function watchInTerminal(simulation: Simulation, options: TerminalOptions): Watching {
  const { input, output, env } = options;
  const isOnTerminal = output.isTTY === true;
  const colours = wantsColours(env, isOnTerminal);
  const lines = new Output(output.fd, clock, missingLines);
  // A dumb terminal cannot erase a line.
  const isLive = isOnTerminal && input.isTTY === true && env.TERM !== 'dumb';
  return isLive ? new LiveTerminal(simulation, options, lines, colours) : watchPlainly(simulation, lines, colours);
}

function watchPlainly(simulation: Simulation, lines: Output, colours: boolean): Watching {
  const cancel = simulation.onLine((line) => void lines.write(`${lineText(line, colours)}\n`));
  return {
    async close() {
      cancel();
      await lines.close(CLOSE_MOST_MS);
    },
  };
}

const NO_INPUT: TerminalInput = { on() {}, off() {}, resume() {}, pause() {} };
