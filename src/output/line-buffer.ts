import type { Writer } from './writer.ts';

/** A pipe takes so much whole or not at all (PIPE_BUF of Linux), so that the lines of those who share it never mix. */
const ATOMIC_BYTES = 4096;
const NEWLINE = 0x0a;

/** standsFor: how many lines are missing when this is dropped, where it is not itself what is missing. */
type Entry = { bytes: Buffer; isOfChild?: boolean; droppedLines?: number };

/** Lines that wait to be written, in order, and how many are missing among them. */
export class LineBuffer {
  readonly #notice: (missing: number) => string;
  #entries: Entry[] = [];
  #isWithinLine = false;
  #dropped = 0;
  bytes = 0;

  /** notice: the line that stands where lines are missing. */
  constructor(notice: (missing: number) => string) {
    this.#notice = notice;
  }

  add(entry: Entry): void {
    if (entry.bytes.length === 0) return;
    this.noteDropped();
    this.#append(entry);
  }

  /** So many lines found no room. */
  countDropped(lines: number): void {
    this.#dropped += lines;
  }

  noteDropped(): void {
    if (this.#dropped === 0) return;
    const torn = this.#isWithinLine && this.bytes === 0;
    this.#append({
      bytes: Buffer.from(`${torn ? '\n' : ''}${this.#notice(this.#dropped)}`),
      droppedLines: this.#dropped,
    });
    this.#dropped = 0;
  }

  /** False when the writer takes nothing now, or there is nothing. */
  writeSome(writer: Writer): boolean {
    const [entry] = this.#entries;
    if (entry === undefined) return false;
    const piece = entry.bytes.subarray(0, wholeLines(entry.bytes));
    const taken = writer.write(piece);
    if (taken === 0) return false;
    this.bytes -= taken;
    this.#isWithinLine = piece[taken - 1] !== NEWLINE;
    entry.bytes = entry.bytes.subarray(taken);
    if (entry.bytes.length === 0) this.#entries.shift();
    return true;
  }

  /** The lines of children are missing, but for the rest of one that has begun. */
  dropChildLines(): void {
    const begun = this.#isWithinLine ? this.#entries.shift() : undefined;
    const [rest, more] = begun?.isOfChild ? split(begun.bytes) : [begun?.bytes, null];
    const waiting = this.clear();
    const theirs = waiting.flatMap(({ bytes, isOfChild }) => (isOfChild ? [bytes] : []));
    for (const bytes of more ? [more, ...theirs] : theirs) this.#dropped += countLines(bytes);
    for (const { droppedLines: standsFor = 0 } of waiting) this.#dropped += standsFor;
    if (begun && rest) this.#append({ ...begun, bytes: rest });
    this.noteDropped();
    for (const entry of waiting) if (!entry.isOfChild && entry.droppedLines === undefined) this.#append(entry);
  }

  /** All of it is missing. */
  dropAll(): void {
    for (const { bytes, droppedLines: standsFor } of this.clear()) this.#dropped += standsFor ?? countLines(bytes);
  }

  clear(): readonly Entry[] {
    const entries = this.#entries;
    [this.#entries, this.bytes] = [[], 0];
    return entries;
  }

  #append(entry: Entry): void {
    this.#entries.push(entry);
    this.bytes += entry.bytes.length;
  }
}

/** As many lines as go in one piece; a longer line by itself. */
function wholeLines(bytes: Buffer): number {
  if (bytes.length <= ATOMIC_BYTES) return bytes.length;
  const end = bytes.lastIndexOf(NEWLINE, ATOMIC_BYTES - 1);
  return end >= 0 ? end + 1 : restOfLine(bytes);
}

/** After the first line. */
function split(bytes: Buffer): [Buffer, Buffer] {
  const at = restOfLine(bytes);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

function restOfLine(bytes: Buffer): number {
  return bytes.indexOf(NEWLINE) + 1 || bytes.length;
}

export function countLines(bytes: Buffer): number {
  return bytes.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0);
}
