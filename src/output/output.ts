import type { Cancel, Clock } from '../host.ts';
import { countLines, LineBuffer } from './line-buffer.ts';
import { openWriter, reopen, type Writer } from './writer.ts';

/** Maximum of bytes that wait in memory for a stalled reader. Above it our own lines are dropped and counted. */
export const MAX_PENDING_BYTES = 131_072;
/** Above this the children's lines (with a prefix) have to wait, so that there is always room for our own. */
export const HIGH_WATER_BYTES = 65_536;
/** In the last part of the time to drain, the lines of children are dropped in favour of the supervisor's. It is this long because a full socket
 * wakes its writer only after three quarters have been read (unix_writable of Linux), which are 160 kB. */
export const LAST_LINES_RESERVE_MS = 1000;
const MIN_RETRY_MS = 2;
const MAX_RETRY_MS = 200;

/** Writes our lines to stdout or stderr: in order, without blocking, in bounded memory. */
export class Output {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #pending: LineBuffer;
  #writer: Writer | null = null;
  #maxBytes = MAX_PENDING_BYTES;
  #retryMs = MIN_RETRY_MS;
  #timer: Cancel | null = null;
  /** Lines of children that wait for room. */
  #blocked: { bytes: Buffer; resume: () => void }[] = [];
  #accepts: 'all' | 'own-lines' | 'nothing' = 'all';
  #isLastLost = false;

  /** notice: makes the line that replaces dropped lines. */
  constructor(fd: number, clock: Clock, notice: (dropped: number) => string) {
    this.#fd = fd;
    this.#clock = clock;
    this.#pending = new LineBuffer(notice);
  }

  /** Opens the descriptor now unless that needs a relay: later there may be no free descriptor (EMFILE). */
  open(): void {
    this.#writer ??= reopen(this.#fd);
  }

  /** Returns false when there was no room and the text was dropped. */
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

  /** Writes lines of a child. Waits for room instead of dropping them, so that back-pressure reaches the child. */
  async writeFromChild(bytes: Buffer): Promise<void> {
    while (this.#isFull && this.#accepts === 'all')
      await new Promise<void>((resume) => this.#blocked.push({ bytes, resume }));
    if (this.#accepts !== 'all') return;
    this.#pending.add({ bytes, isFromChild: true });
    this.#maxBytes = Math.max(MAX_PENDING_BYTES, this.#pending.bytes + MAX_PENDING_BYTES - HIGH_WATER_BYTES);
    if (this.#timer === null) this.#flush();
  }

  /** Stops accepting lines of children. Those that still wait for room are counted as dropped. */
  endChildOutput(): void {
    if (this.#accepts === 'all') this.#accepts = 'own-lines';
    for (const { bytes, resume } of this.#blocked.splice(0)) {
      this.#pending.countDropped(countLines(bytes));
      resume();
    }
  }

  /** After the children's output has ended there is no limit: our last lines are few. */
  #hasRoomFor({ length }: Buffer): boolean {
    return this.#accepts === 'own-lines' || (this.#accepts === 'all' && this.#pending.bytes + length <= this.#maxBytes);
  }

  get #isFull(): boolean {
    return this.#pending.bytes >= HIGH_WATER_BYTES;
  }

  /** Writes the pending lines; gives up after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    const deadline = this.#clock.now() + timeoutMs;
    if (this.#accepts !== 'nothing') this.#pending.noteDropped();
    while (this.#pending.bytes > 0 && this.#clock.now() < deadline) {
      await new Promise<void>((resolve) => this.#clock.after(MIN_RETRY_MS, resolve));
      if (this.#clock.now() >= deadline - LAST_LINES_RESERVE_MS) this.#pending.dropChildLines();
      this.#flush();
    }
  }

  /** Writes the pending lines and closes the descriptor; gives up after `timeoutMs`.
   * @returns whether the text of the last `write` was written. */
  async close(timeoutMs: number): Promise<boolean> {
    const abort = new AbortController();
    const cancel = this.#clock.after(timeoutMs, () => abort.abort());
    await this.drain(timeoutMs);
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
      this.#onWriteError(error as NodeJS.ErrnoException);
    }
    if (this.#pending.bytes > 0) this.#scheduleRetry();
    if (this.#isFull) return;
    this.#maxBytes = MAX_PENDING_BYTES;
    for (const { resume } of this.#blocked.splice(0)) resume();
  }

  #scheduleRetry(): void {
    this.#timer = this.#clock.after(this.#retryMs, () => this.#flush());
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
  }

  /** A full disk may get space again; a reader that has exited does not come back. */
  #onWriteError(error: NodeJS.ErrnoException): void {
    this.#isLastLost = true;
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return this.#discard();
    this.#pending.dropAll();
  }

  #discard(): void {
    this.#timer?.();
    this.#timer = null;
    this.#accepts = 'nothing';
    this.#pending.clear();
    for (const { resume } of this.#blocked.splice(0)) resume();
  }
}
