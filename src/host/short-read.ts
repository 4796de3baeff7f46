import { closeSync, openSync, readSync } from 'node:fs';

/** One buffer for all short reads: readFileSync takes a new one of 64 KB for every file of /proc, and a look every few
 * seconds made that 7 MB of private memory. */
const SHORT = Buffer.alloc(4096);

/** The text of a file of /proc or of a cgroup; empty where it is not there or not ours to read. The kernel gives most of
 * them in one piece, and a list in several: that is read with `toItsEnd`. */
export function readShort(path: string, toItsEnd = false): string {
  let fd: number | null = null;
  let text = '';
  try {
    fd = openSync(path, 'r');
    for (let bytes = readSync(fd, SHORT); bytes > 0; bytes = readSync(fd, SHORT)) {
      text += SHORT.toString('latin1', 0, bytes);
      if (!toItsEnd && bytes < SHORT.length) break;
    }
    return text;
  } catch {
    return '';
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** At most 15 digits: more than that no machine has, and more than 2^53 no number holds. */
const DIGITS = /[ \t]*(\d{1,15})(?!\d)/y;

/** The number that follows this word at the beginning of a line, as in `MemTotal:  24684092 kB`; NaN where none does. */
export function numberAfter(text: string, word: string): number {
  const at = text.startsWith(word) ? 0 : text.indexOf(`\n${word}`) + 1;
  if (at === 0 && !text.startsWith(word)) return NaN;
  DIGITS.lastIndex = at + word.length;
  return Number(DIGITS.exec(text)?.[1] ?? NaN);
}
