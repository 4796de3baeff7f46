import type { Cancel, Clock } from '../host.ts';
import { countLines, LineBuffer } from './line-buffer.ts';
import { openWriter, reopen, type Writer } from './writer.ts';

/** What may wait in memory for a reader that stalls; beyond it our own lines are dropped and counted. */
export const MAX_PENDING_BYTES = 131_072;
/** From here on the children's lines are held back (with a prefix), so that our own always find room. */
export const HIGH_WATER_BYTES = 65_536;
/** What is kept of the time for last lines: before it is over, those of children make way for ours. A socket that is full wakes
 * its writer only when three quarters are read (unix_writable of Linux), which are 160 kB. */
export const LAST_LINES_RESERVE_MS = 1000;
const MIN_RETRY_MS = 2;
const MAX_RETRY_MS = 200;

/** Our lines on their way to stdout or stderr: in order, never blocking, bounded. */
export class Output {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #pending: LineBuffer;
  #writer: Writer | null = null;
  #maxBytes = MAX_PENDING_BYTES;
  #retryMs = MIN_RETRY_MS;
  #timer: Cancel | null = null;
  #waiting: { bytes: Buffer; goOn: () => void }[] = [];
  #accepts: 'all' | 'ours' | 'nothing' = 'all';
  #isLastLost = false;

  /** notice: the line that stands where lines were dropped. */
  constructor(fd: number, clock: Clock, notice: (dropped: number) => string) {
    this.#fd = fd;
    this.#clock = clock;
    this.#pending = new LineBuffer(notice);
  }

  /** Opens the descriptor now, unless that takes a relay: later there may be no free descriptor left (EMFILE). */
  open(): void {
    this.#writer ??= reopen(this.#fd);
  }

  /** False when there was no room and the text was dropped. */
  write(text: string | Buffer): boolean {
    const bytes = Buffer.from(text as string);
    this.#isLastLost = !this.#hasRoomFor(bytes);
    if (this.#isLastLost) {
      this.#pending.countDropped(1);
      return false;
    }
    this.#pending.add({ bytes });
    if (this.#timer === null) this.#flush();
    return true;
  }

  /** For a child's lines: waits until there is room instead of dropping, so that back-pressure reaches the child. */
  async writeFromChild(bytes: Buffer): Promise<void> {
    while (this.#mustWait) await new Promise<void>((goOn) => this.#waiting.push({ bytes, goOn }));
    if (this.#accepts !== 'all') return;
    this.#pending.add({ bytes, isOfChild: true });
    this.#maxBytes = Math.max(MAX_PENDING_BYTES, this.#pending.bytes + MAX_PENDING_BYTES - HIGH_WATER_BYTES);
    if (this.#timer === null) this.#flush();
  }

  /** The children have had their time: who still waits for room is counted among what was dropped. */
  endChildOutput(): void {
    if (this.#accepts === 'all') this.#accepts = 'ours';
    for (const { bytes, goOn } of this.#waiting.splice(0)) {
      this.#pending.countDropped(countLines(bytes));
      goOn();
    }
  }

  /** Our last lines always have room: they are few. */
  #hasRoomFor({ length }: Buffer): boolean {
    return this.#accepts === 'ours' || (this.#accepts === 'all' && this.#pending.bytes + length <= this.#maxBytes);
  }

  get #mustWait(): boolean {
    return this.#isFull && this.#accepts === 'all';
  }

  get #isFull(): boolean {
    return this.#pending.bytes >= HIGH_WATER_BYTES;
  }

  /** Writes what is pending; stops after `atMostMs`. */
  async drain(atMostMs: number): Promise<void> {
    const end = this.#clock.now() + atMostMs;
    if (this.#accepts !== 'nothing') this.#pending.noteDropped();
    while (this.#pending.bytes > 0 && this.#clock.now() < end) {
      await new Promise<void>((resolve) => this.#clock.after(MIN_RETRY_MS, resolve));
      if (this.#clock.now() >= end - LAST_LINES_RESERVE_MS) this.#pending.dropChildLines();
      this.#flush();
    }
  }

  /** Writes what is pending and closes the descriptor; gives up after `atMostMs`.
   * @returns whether the text of the last `write` was written. */
  async close(atMostMs: number): Promise<boolean> {
    const abort = new AbortController();
    const cancel = this.#clock.after(atMostMs, () => abort.abort());
    await this.drain(atMostMs);
    if (this.#pending.bytes > 0) this.#isLastLost = true;
    this.#discard();
    const writer = this.#writer;
    this.#writer = null;
    const isFinished = (await writer?.finish(abort.signal)) ?? true;
    cancel();
    return isFinished && !this.#isLastLost;
  }

  #flush(): void {
    this.#timer?.();
    this.#timer = null;
    try {
      this.#writer ??= openWriter(this.#fd);
      while (this.#pending.writeSome(this.#writer)) this.#retryMs = MIN_RETRY_MS;
      if (this.#pending.bytes === 0) this.#pending.noteDropped();
    } catch (error) {
      this.#drop(error as NodeJS.ErrnoException);
    }
    if (this.#pending.bytes > 0) this.#retry();
    if (this.#isFull) return;
    this.#maxBytes = MAX_PENDING_BYTES;
    for (const { goOn } of this.#waiting.splice(0)) goOn();
  }

  #retry(): void {
    this.#timer = this.#clock.after(this.#retryMs, () => this.#flush());
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
  }

  /** A full disk may get room again, a reader that is gone does not come back. */
  #drop(error: NodeJS.ErrnoException): void {
    this.#isLastLost = true;
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return this.#discard();
    this.#pending.dropAll();
  }

  #discard(): void {
    this.#timer?.();
    this.#timer = null;
    this.#accepts = 'nothing';
    this.#pending.clear();
    for (const { goOn } of this.#waiting.splice(0)) goOn();
  }
}
