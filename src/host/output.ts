import type { Cancel, Clock } from './host.ts';
import { openWriter, type Writer } from './writer.ts';

/** What may wait in memory for a reader that stalls; beyond it our own lines are dropped and counted. */
export const PENDING_BYTES = 131_072;
/** From here on the children's lines are held back (with a prefix), so that our own always find room. */
export const HIGH_WATER_BYTES = 65_536;
const RETRY_LEAST_MS = 2;
const RETRY_MOST_MS = 200;

/** Our lines on their way to stdout or stderr: in order, never blocking, bounded. */
export class Output {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #notice: (dropped: number) => string;
  #writer: Writer | null = null;
  #pending: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  #retryMs = RETRY_LEAST_MS;
  #timer: Cancel | null = null;
  #waiting: (() => void)[] = [];
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
    if (this.#closed || this.#bytes + bytes.length > PENDING_BYTES) {
      this.#dropped += 1;
      return false;
    }
    this.#queue(bytes);
    if (this.#timer === null) this.#flush();
    return true;
  }

  /** For a child's lines: waits until there is room instead of dropping, so that back-pressure reaches the child. */
  async pass(bytes: Buffer): Promise<void> {
    while (this.#isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#closed) return;
    this.#queue(bytes);
    if (this.#timer === null) this.#flush();
  }

  get #isFull(): boolean {
    return this.#bytes >= HIGH_WATER_BYTES;
  }

  /** Writes what is pending and lets go of the descriptor; gives up after `atMostMs`. */
  async close(atMostMs: number): Promise<void> {
    const end = this.#clock.now() + atMostMs;
    const abort = new AbortController();
    const cancel = this.#clock.after(atMostMs, () => abort.abort());
    while (this.#bytes > 0 && this.#clock.now() < end) {
      await new Promise<void>((resolve) => this.#clock.after(RETRY_LEAST_MS, resolve));
      this.#flush();
    }
    this.#discard();
    await this.#writer?.finish(abort.signal);
    cancel();
  }

  #queue(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
  }

  #flush(): void {
    this.#timer?.();
    this.#timer = null;
    try {
      this.#writer ??= openWriter(this.#fd);
      while (this.#bytes > 0 && this.#writeSome(this.#writer));
    } catch (error) {
      this.#drop(error as NodeJS.ErrnoException);
    }
    if (this.#dropped > 0 && this.#bytes === 0 && !this.#closed) this.#noteDropped();
    if (this.#bytes > 0) this.#retry();
    if (!this.#isFull) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #writeSome(writer: Writer): boolean {
    const chunk = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    if (chunk === undefined) return false;
    const taken = writer.write(chunk);
    this.#pending = taken < chunk.length ? [chunk.subarray(taken)] : [];
    this.#bytes = chunk.length - taken;
    if (taken > 0) this.#retryMs = RETRY_LEAST_MS;
    return taken > 0;
  }

  #noteDropped(): void {
    const bytes = Buffer.from(this.#notice(this.#dropped));
    this.#dropped = 0;
    this.#queue(bytes);
  }

  #retry(): void {
    this.#timer = this.#clock.after(this.#retryMs, () => this.#flush());
    this.#retryMs = Math.min(RETRY_MOST_MS, this.#retryMs * 2);
  }

  /** A full disk may get room again, a reader that is gone does not come back. */
  #drop(error: NodeJS.ErrnoException): void {
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') return this.#discard();
    this.#dropped += this.#pending.length;
    this.#pending = [];
    this.#bytes = 0;
  }

  #discard(): void {
    this.#timer?.();
    this.#timer = null;
    this.#closed = true;
    this.#pending = [];
    this.#bytes = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
