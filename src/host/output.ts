import type { Cancel, Clock } from './host.ts';
import { openWriter, type Writer } from './writer.ts';

/** What may wait in memory for a reader that stalls; beyond it our own lines are dropped and counted. */
export const PENDING_BYTES = 131_072;
/** From here on the children's lines are held back (with a prefix), so that our own always find room. */
export const HIGH_WATER_BYTES = 65_536;
/** What is kept of the time for last lines: before it is over, those of children make way for ours. */
export const OUR_LAST_LINES_MS = 500;
const RETRY_LEAST_MS = 2;
const RETRY_MOST_MS = 200;
/** A pipe takes so much whole or not at all (PIPE_BUF of Linux), so that the lines of those who share it never mix. */
const ATOMIC_BYTES = 4096;
const NEWLINE = 0x0a;

/** standsFor: how many lines are missing when this is dropped, where it is not itself what is missing. */
type Entry = { bytes: Buffer; isOfChild?: boolean; standsFor?: number };

/** Our lines on their way to stdout or stderr: in order, never blocking, bounded. */
export class Output {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #notice: (dropped: number) => string;
  #writer: Writer | null = null;
  #pending: Entry[] = [];
  #bytes = 0;
  #mostBytes = PENDING_BYTES;
  #isWithinLine = false;
  #dropped = 0;
  #retryMs = RETRY_LEAST_MS;
  #timer: Cancel | null = null;
  #waiting: { bytes: Buffer; goOn: () => void }[] = [];
  #isPassing = true;
  #closed = false;

  /** notice: the line that stands where lines were dropped. */
  constructor(fd: number, clock: Clock, notice: (dropped: number) => string) {
    this.#fd = fd;
    this.#clock = clock;
    this.#notice = notice;
  }

  /** False when there was no room and the text was dropped. */
  write(text: string | Buffer): boolean {
    const bytes = Buffer.from(text as string);
    if (this.#closed || this.#bytes + bytes.length > this.#mostBytes) {
      this.#dropped += 1;
      return false;
    }
    this.#queue({ bytes });
    if (this.#timer === null) this.#flush();
    return true;
  }

  /** For a child's lines: waits until there is room instead of dropping, so that back-pressure reaches the child. */
  async pass(bytes: Buffer): Promise<void> {
    while (this.#mustWait) await new Promise<void>((goOn) => this.#waiting.push({ bytes, goOn }));
    if (this.#isDone) return;
    this.#queue({ bytes, isOfChild: true });
    this.#mostBytes = Math.max(PENDING_BYTES, this.#bytes + PENDING_BYTES - HIGH_WATER_BYTES);
    if (this.#timer === null) this.#flush();
  }

  /** The children have had their time: who still waits for room is counted among what was dropped. */
  endPassing(): void {
    this.#isPassing = false;
    for (const { bytes, goOn } of this.#waiting.splice(0)) {
      this.#dropped += countLines(bytes);
      goOn();
    }
  }

  get #mustWait(): boolean {
    return this.#isFull && !this.#isDone;
  }

  /** With the children. */
  get #isDone(): boolean {
    return this.#closed || !this.#isPassing;
  }

  get #isFull(): boolean {
    return this.#bytes >= HIGH_WATER_BYTES;
  }

  /** Writes what is pending and lets go of the descriptor; gives up after `atMostMs`. */
  async close(atMostMs: number): Promise<void> {
    const end = this.#clock.now() + atMostMs;
    const abort = new AbortController();
    const cancel = this.#clock.after(atMostMs, () => abort.abort());
    this.#noteDropped();
    while (this.#bytes > 0 && this.#clock.now() < end) {
      await new Promise<void>((resolve) => this.#clock.after(RETRY_LEAST_MS, resolve));
      if (this.#clock.now() >= end - OUR_LAST_LINES_MS) this.#dropChildren();
      this.#flush();
    }
    this.#discard();
    const writer = this.#writer;
    this.#writer = null;
    await writer?.finish(abort.signal);
    cancel();
  }

  #queue(entry: Entry): void {
    if (entry.bytes.length === 0) return;
    this.#noteDropped();
    this.#append(entry);
  }

  #append(entry: Entry): void {
    this.#pending.push(entry);
    this.#bytes += entry.bytes.length;
  }

  #flush(): void {
    this.#timer?.();
    this.#timer = null;
    try {
      this.#writer ??= openWriter(this.#fd);
      while (this.#writeSome(this.#writer));
      if (this.#bytes === 0) this.#noteDropped();
    } catch (error) {
      this.#drop(error as NodeJS.ErrnoException);
    }
    if (this.#bytes > 0) this.#retry();
    if (this.#isFull) return;
    this.#mostBytes = PENDING_BYTES;
    for (const { goOn } of this.#waiting.splice(0)) goOn();
  }

  #writeSome(writer: Writer): boolean {
    const [entry] = this.#pending;
    if (entry === undefined) return false;
    const piece = entry.bytes.subarray(0, wholeLines(entry.bytes));
    const taken = writer.write(piece);
    if (taken === 0) return false;
    this.#bytes -= taken;
    this.#isWithinLine = piece[taken - 1] !== NEWLINE;
    this.#retryMs = RETRY_LEAST_MS;
    entry.bytes = entry.bytes.subarray(taken);
    if (entry.bytes.length === 0) this.#pending.shift();
    return true;
  }

  #noteDropped(): void {
    if (this.#dropped === 0 || this.#closed) return;
    const torn = this.#isWithinLine && this.#bytes === 0;
    this.#append({ bytes: Buffer.from(`${torn ? '\n' : ''}${this.#notice(this.#dropped)}`), standsFor: this.#dropped });
    this.#dropped = 0;
  }

  /** But for the rest of a line that has begun. */
  #dropChildren(): void {
    const begun = this.#isWithinLine ? this.#pending.shift() : undefined;
    const [rest, more] = begun?.isOfChild ? split(begun.bytes) : [begun?.bytes, null];
    const theirs = this.#pending.filter(({ isOfChild }) => isOfChild).map(({ bytes }) => bytes);
    const missing = [...(more ? [more] : []), ...theirs].reduce((count, bytes) => count + countLines(bytes), 0);
    const ours = this.#pending.filter(({ isOfChild }) => !isOfChild);
    const noted = ours.reduce((count, { standsFor = 0 }) => count + standsFor, 0);
    [this.#pending, this.#bytes, this.#dropped] = [[], 0, missing + noted];
    if (begun && rest) this.#append({ ...begun, bytes: rest });
    this.#noteDropped();
    for (const entry of ours) if (entry.standsFor === undefined) this.#append(entry);
  }

  #retry(): void {
    this.#timer = this.#clock.after(this.#retryMs, () => this.#flush());
    this.#retryMs = Math.min(RETRY_MOST_MS, this.#retryMs * 2);
  }

  /** A full disk may get room again, a reader that is gone does not come back. */
  #drop(error: NodeJS.ErrnoException): void {
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return this.#discard();
    for (const { bytes, standsFor } of this.#pending) this.#dropped += standsFor ?? countLines(bytes);
    this.#pending = [];
    this.#bytes = 0;
  }

  #discard(): void {
    this.#timer?.();
    this.#timer = null;
    this.#closed = true;
    this.#pending = [];
    this.#bytes = 0;
    for (const { goOn } of this.#waiting.splice(0)) goOn();
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

function countLines(bytes: Buffer): number {
  return bytes.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0);
}
