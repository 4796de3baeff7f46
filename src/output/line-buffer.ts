import type { Writer } from './writer.ts';

/** A pipe takes a write of up to this size as a whole or not at all (PIPE_BUF of Linux), so that lines of several writers never mix. */
const ATOMIC_BYTES = 4096;
const NEWLINE = 0x0a;

/** droppedLines: set for a notice only; the number of dropped lines that it stands for. */
type Entry = { bytes: Buffer; isFromChild?: boolean; droppedLines?: number };

/** Lines that wait to be written, in order, with a notice where lines were dropped. */
export class LineBuffer {
  readonly #notice: (dropped: number) => string;
  #entries: Entry[] = [];
  #isWithinLine = false;
  #dropped = 0;
  bytes = 0;

  /** notice: makes the line that replaces dropped lines. */
  constructor(notice: (dropped: number) => string) {
    this.#notice = notice;
  }

  add(entry: Entry): void {
    if (entry.bytes.length === 0) return;
    this.noteDropped();
    this.#append(entry);
  }

  countDropped(lines: number): void {
    this.#dropped += lines;
  }

  /** Appends a notice if lines were dropped since the last one. */
  noteDropped(): void {
    if (this.#dropped === 0) return;
    const endsTornLine = this.#isWithinLine && this.bytes === 0;
    this.#append({
      bytes: Buffer.from(`${endsTornLine ? '\n' : ''}${this.#notice(this.#dropped)}`),
      droppedLines: this.#dropped,
    });
    this.#dropped = 0;
  }

  /** Returns false when the writer takes nothing now, or the buffer is empty. */
  writeSome(writer: Writer): boolean {
    const [entry] = this.#entries;
    if (entry === undefined) return false;
    const piece = entry.bytes.subarray(0, lengthOfWholeLines(entry.bytes));
    const written = writer.write(piece);
    if (written === 0) return false;
    this.bytes -= written;
    this.#isWithinLine = piece[written - 1] !== NEWLINE;
    entry.bytes = entry.bytes.subarray(written);
    if (entry.bytes.length === 0) this.#entries.shift();
    return true;
  }

  /** Drops the lines of children, except the rest of a line that is partly written. */
  dropChildLines(): void {
    const partlyWritten = this.#isWithinLine ? this.#entries.shift() : undefined;
    const [lineRest, moreLines] = partlyWritten?.isFromChild
      ? splitAfterFirstLine(partlyWritten.bytes)
      : [partlyWritten?.bytes, null];
    const waiting = this.clear();
    const childLines = waiting.flatMap(({ bytes, isFromChild }) => (isFromChild ? [bytes] : []));
    for (const bytes of moreLines ? [moreLines, ...childLines] : childLines) this.#dropped += countLines(bytes);
    for (const { droppedLines = 0 } of waiting) this.#dropped += droppedLines;
    if (partlyWritten && lineRest) this.#append({ ...partlyWritten, bytes: lineRest });
    this.noteDropped();
    for (const entry of waiting) if (!entry.isFromChild && entry.droppedLines === undefined) this.#append(entry);
  }

  dropAll(): void {
    for (const { bytes, droppedLines } of this.clear()) this.#dropped += droppedLines ?? countLines(bytes);
  }

  /** Removes all entries without counting them as dropped. */
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

/** The whole lines that fit into one atomic write; at least one line, however long. */
function lengthOfWholeLines(bytes: Buffer): number {
  if (bytes.length <= ATOMIC_BYTES) return bytes.length;
  const end = bytes.lastIndexOf(NEWLINE, ATOMIC_BYTES - 1);
  return end >= 0 ? end + 1 : lengthOfFirstLine(bytes);
}

function splitAfterFirstLine(bytes: Buffer): [Buffer, Buffer] {
  const length = lengthOfFirstLine(bytes);
  return [bytes.subarray(0, length), bytes.subarray(length)];
}

function lengthOfFirstLine(bytes: Buffer): number {
  return bytes.indexOf(NEWLINE) + 1 || bytes.length;
}

export function countLines(bytes: Buffer): number {
  return bytes.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0);
}
