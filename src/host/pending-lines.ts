import type { Writer } from './writer.ts';

/** A pipe takes so much whole or not at all (PIPE_BUF of Linux), so that the lines of those who share it never mix. */
const ATOMIC_BYTES = 4096;
const NEWLINE = 0x0a;

/** standsFor: how many lines are missing when this is dropped, where it is not itself what is missing. */
type Entry = { bytes: Buffer; isOfChild?: boolean; standsFor?: number };

/** Lines that wait to be written, in order, and how many are missing among them. */
export class PendingLines {
  readonly #notice: (missing: number) => string;
  #entries: Entry[] = [];
  #isWithinLine = false;
  #missing = 0;
  bytes = 0;

  /** notice: the line that stands where lines are missing. */
  constructor(notice: (missing: number) => string) {
    this.#notice = notice;
  }

  add(entry: Entry): void {
    if (entry.bytes.length === 0) return;
    this.noteMissing();
    this.#append(entry);
  }

  /** So many lines found no room. */
  miss(lines: number): void {
    this.#missing += lines;
  }

  noteMissing(): void {
    if (this.#missing === 0) return;
    const torn = this.#isWithinLine && this.bytes === 0;
    this.#append({ bytes: Buffer.from(`${torn ? '\n' : ''}${this.#notice(this.#missing)}`), standsFor: this.#missing });
    this.#missing = 0;
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
  dropChildren(): void {
    const begun = this.#isWithinLine ? this.#entries.shift() : undefined;
    const [rest, more] = begun?.isOfChild ? split(begun.bytes) : [begun?.bytes, null];
    const waiting = this.clear();
    const theirs = waiting.flatMap(({ bytes, isOfChild }) => (isOfChild ? [bytes] : []));
    for (const bytes of more ? [more, ...theirs] : theirs) this.#missing += countLines(bytes);
    for (const { standsFor = 0 } of waiting) this.#missing += standsFor;
    if (begun && rest) this.#append({ ...begun, bytes: rest });
    this.noteMissing();
    for (const entry of waiting) if (!entry.isOfChild && entry.standsFor === undefined) this.#append(entry);
  }

  /** All of it is missing. */
  dropAll(): void {
    for (const { bytes, standsFor } of this.clear()) this.#missing += standsFor ?? countLines(bytes);
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
