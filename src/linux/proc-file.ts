import { closeSync, openSync, readSync } from 'node:fs';

/** One buffer for all short reads: readFileSync takes a new one of 64 KB for every file of /proc, and a look every 5 s made
 * that 7 MB of private memory. */
const SHORT = Buffer.alloc(4096);

/** The text of a file of /proc or of a cgroup; empty where it is not there or not ours to read. The kernel gives most of
 * them in one piece, and a list in several: that is read with `toItsEnd`. */
export function readProcFile(path: string, toItsEnd = false): string {
  let text = '';
  reading(path, (fd) => {
    for (let bytes = readSync(fd, SHORT); bytes > 0; bytes = readSync(fd, SHORT)) {
      text += SHORT.toString('latin1', 0, bytes);
      if (!toItsEnd && bytes < SHORT.length) break;
    }
  });
  return text;
}

/** The same as bytes, which hold until the next read: what is looked at every second leaves no text behind to be cleared
 * away, and that was 2 MB of private memory. */
export function readProcBytes(path: string): Buffer {
  let length = 0;
  reading(path, (fd) => void (length = readSync(fd, SHORT)));
  return length < SHORT.length ? SHORT.subarray(0, length) : Buffer.from(readProcFile(path, true), 'latin1');
}

function reading(path: string, read: (fd: number) => void): void {
  let fd: number | null = null;
  try {
    fd = openSync(path, 'r');
    read(fd);
  } catch {
    // not there, not ours to read, or its process ended this moment
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Reads a file of /proc that is read again and again, and never closed: each time from its beginning. */
export function keepOpen(path: string): () => string {
  let fd: number | null = null;
  return () => {
    try {
      fd ??= openSync(path, 'r');
      return SHORT.toString('latin1', 0, readSync(fd, SHORT, 0, SHORT.length, 0));
    } catch {
      return '';
    }
  };
}

const [NEWLINE, TAB, BLANK, ZERO, NINE] = [0x0a, 0x09, 0x20, 0x30, 0x39];
/** More than that no machine has, and more than 2^53 no number holds. */
const DIGITS_MOST = 15;

/** The number that follows this word at the beginning of a line, as in `MemTotal:  24684092 kB`; NaN where none does. */
export function numberAfter(bytes: Buffer, word: string): number {
  let at = bytes.indexOf(word);
  while (at > 0 && bytes[at - 1] !== NEWLINE) at = bytes.indexOf(word, at + 1);
  if (at < 0) return NaN;
  at += word.length;
  while (bytes[at] === BLANK || bytes[at] === TAB) at += 1;
  let [value, digits] = [0, 0];
  for (let byte = bytes[at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = bytes[at]) {
    value = value * 10 + byte - ZERO;
    digits += 1;
    at += 1;
  }
  return digits > 0 && digits <= DIGITS_MOST ? value : NaN;
}
