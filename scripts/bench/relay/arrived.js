// The lines that came out, against those that went in.
import { readFileSync } from 'node:fs';

const WHOLE = /^(.*?)LINE (\d+) (\d+) (x+)$/;
const LINE_LENGTH = 99;
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g');

/** written: pid -> lines until TERM; farewell: how many each wrote after it. Gives how many are missing, of each, and how many came cut,
 * mixed or twice. */
export function arrived(file, written, farewell) {
  const seen = new Map([...written.keys()].map((pid) => [pid, new Uint8Array(written.get(pid) + farewell + 1)]));
  let spoilt = 0;
  let prefixed = 0;
  for (const line of linesOf(file)) {
    const [, prefix, pid, number, fill] = WHOLE.exec(line) ?? [];
    const marks = seen.get(Number(pid));
    if (marks === undefined) {
      if (line.includes('xxxx')) spoilt += 1;
      continue;
    }
    const isWhole = `LINE ${pid} ${number} ${fill}`.length === LINE_LENGTH && !prefix.includes('xxxx');
    if (!isWhole || marks[number] === 1) spoilt += 1;
    else marks[number] = 1;
    if (prefix !== '') prefixed += 1;
  }
  return { spoilt, prefixed, ...missing(seen, written) };
}

function missing(seen, written) {
  let [lost, lostAtEnd] = [0, 0];
  for (const [pid, marks] of seen) {
    for (let number = 1; number < marks.length; number += 1) {
      if (marks[number] === 1) continue;
      if (number <= written.get(pid)) lost += 1;
      else lostAtEnd += 1;
    }
  }
  return { lost, lostAtEnd };
}

/** Without the colours that some print. */
function linesOf(file) {
  return readFileSync(file, 'latin1').replaceAll(COLOURS, '').split('\n');
}
