import { closeSync, openSync, readSync } from 'node:fs';

/** One buffer for all short reads. readFileSync allocates 64 KB for each file of /proc: with a scan every 5 s that was 7 MB of private
 * memory. */
const SHORT = Buffer.alloc(4096);

/** The text of a file of /proc or of a cgroup; empty when it is missing or may not be read. The kernel returns most files in one read,
 * and lists in several: pass `toEnd` for a list. */
export function readProcFile(path: string, toEnd = false): string {
  let text = '';
  withFile(path, (fd) => {
    for (let bytes = readSync(fd, SHORT); bytes > 0; bytes = readSync(fd, SHORT)) {
      text += SHORT.toString('latin1', 0, bytes);
      if (!toEnd && bytes < SHORT.length) break;
    }
  });
  return text;
}

/** The same as bytes, valid until the next read. For files that are read every second: their strings were 2 MB of garbage in private
 * memory. */
export function readProcBytes(path: string): Buffer {
  let length = 0;
  withFile(path, (fd) => void (length = readSync(fd, SHORT)));
  return length < SHORT.length ? SHORT.subarray(0, length) : Buffer.from(readProcFile(path, true), 'latin1');
}

function withFile(path: string, read: (fd: number) => void): void {
  let fd: number | null = null;
  try {
    fd = openSync(path, 'r');
    read(fd);
  } catch {
    // The file is missing, may not be read, or its process has just exited.
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Returns a function that reads a file of /proc from its start. The file stays open: use it for one that is read all the time. */
export function openForRereading(path: string): () => string {
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

const [NEWLINE, TAB, SPACE, ZERO, NINE] = [0x0a, 0x09, 0x20, 0x30, 0x39];
/** No machine has more bytes than fit into 15 digits, and a number is exact only up to 2^53. */
const MAX_DIGITS = 15;

/** The number after this label at the start of a line, as in `MemTotal:  24684092 kB`; NaN when there is none. */
export function numberAfter(bytes: Buffer, label: string): number {
  let index = bytes.indexOf(label);
  while (index > 0 && bytes[index - 1] !== NEWLINE) index = bytes.indexOf(label, index + 1);
  if (index < 0) return NaN;
  index += label.length;
  while (bytes[index] === SPACE || bytes[index] === TAB) index += 1;
  let [value, digits] = [0, 0];
  for (let byte = bytes[index]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = bytes[index]) {
    value = value * 10 + byte - ZERO;
    digits += 1;
    index += 1;
  }
  return digits > 0 && digits <= MAX_DIGITS ? value : NaN;
}
