import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../harness/eventually.ts';

const PIECE = Buffer.alloc(64 * 1024, 'a body that goes on and on ');
export const MB = 1024 * 1024;

/** Writes this many bytes to a stream, as fast as it takes them. */
export class Producer {
  /** Bytes written so far. */
  written = 0;
  readonly done: Promise<void>;
  readonly #stream: Writable;
  readonly #total: number;

  constructor(stream: Writable, total: number) {
    [this.#stream, this.#total] = [stream, total];
    this.done = this.#produce();
  }

  async #produce(): Promise<void> {
    while (this.written < this.#total && !this.#stream.destroyed) {
      const piece = PIECE.subarray(0, Math.min(PIECE.length, this.#total - this.written));
      this.written += piece.length;
      if (!this.#stream.write(piece)) await this.#drained();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const onDrain = (): void => {
        this.#stream.off('drain', onDrain).off('close', onDrain);
        resolve();
      };
      this.#stream.on('drain', onDrain).on('close', onDrain);
    });
  }

  /** Resolves with the bytes written, once there is no progress in ten polls. */
  async stalled(): Promise<number> {
    let [last, unchanged] = [-1, 0];
    return eventually(() => {
      unchanged = last === this.written ? unchanged + 1 : 0;
      last = this.written;
      if (unchanged < 10) throw new Error('still writing');
      return this.written;
    });
  }
}

/** The digest of everything that a producer writes. */
export function digestOf(total: number): string {
  const hash = createHash('sha1');
  for (let written = 0; written < total; written += PIECE.length)
    hash.update(PIECE.subarray(0, Math.min(PIECE.length, total - written)));
  return hash.digest('hex');
}

/** Reads to the end. */
export async function digest(readable: Readable): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const piece of readable as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, digest: hash.digest('hex') };
}

/** The peak of buffer memory in MB during `work`, above what was in use before; garbage is not counted. */
export async function peakBuffered(work: Promise<unknown>): Promise<number> {
  const before = bufferedBytes();
  let peak = 0;
  const sampling = setInterval(() => (peak = Math.max(peak, bufferedBytes() - before)), 50);
  await work.finally(() => clearInterval(sampling));
  return peak / MB;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function bufferedBytes(): number {
  collectGarbage();
  collectGarbage(); // frees what the first run has found
  return process.memoryUsage().arrayBuffers;
}
