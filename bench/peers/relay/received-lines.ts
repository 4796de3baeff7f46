// Compares the lines that came out of a peer with those that its children wrote (writer.pl).
import { readFileSync } from 'node:fs';

/** `spoilt`: lines that were cut, mixed or repeated; `lost`: of those before SIGTERM; `lostAtEnd`: of those after it. */
export type ReceivedLines = { spoilt: number; prefixed: number; lost: number; lostAtEnd: number };

const LINE = /^(.*?)LINE (\d+) (\d+) (x+)$/;
const LINE_LENGTH = 99;
/** Only a piece of a line. */
const FRAGMENT = 'xxxx';
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g');

/** `written`: the number of lines before SIGTERM, by pid; `linesAfterTerm`: how many each child wrote after it. */
export function compareLines(
  file: string,
  written: ReadonlyMap<number, number>,
  linesAfterTerm: number,
): ReceivedLines {
  const received = new Map([...written].map(([pid, lines]) => [pid, new Uint8Array(lines + linesAfterTerm + 1)]));
  let spoilt = 0;
  let prefixed = 0;
  for (const line of readLines(file)) {
    const [, prefix = '', pid = '', number = '', fill = ''] = LINE.exec(line) ?? [];
    const marks = received.get(Number(pid));
    if (marks === undefined) {
      if (line.includes(FRAGMENT)) spoilt += 1;
      continue;
    }
    const isWhole = `LINE ${pid} ${number} ${fill}`.length === LINE_LENGTH && !prefix.includes(FRAGMENT);
    if (!isWhole || marks[Number(number)] === 1) spoilt += 1;
    else marks[Number(number)] = 1;
    if (prefix !== '') prefixed += 1;
  }
  return { spoilt, prefixed, ...countMissing(received, written) };
}

function countMissing(
  received: ReadonlyMap<number, Uint8Array>,
  written: ReadonlyMap<number, number>,
): { lost: number; lostAtEnd: number } {
  const missing = { lost: 0, lostAtEnd: 0 };
  for (const [pid, marks] of received) {
    const beforeTerm = written.get(pid) ?? 0;
    for (let number = 1; number < marks.length; number += 1) {
      if (marks[number] !== 1) missing[number <= beforeTerm ? 'lost' : 'lostAtEnd'] += 1;
    }
  }
  return missing;
}

/** Without the colours that some peers add. */
function readLines(file: string): string[] {
  return readFileSync(file, 'latin1').replaceAll(COLOURS, '').split('\n');
}
