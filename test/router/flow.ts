import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../harness/eventually.ts';

const PIECE = Buffer.alloc(64 * 1024, 'a body that goes on and on ');
export const MB = 1024 * 1024;

/** Writes that many bytes as fast as they are taken. `given`: how many were so far. */
export class Producer {
  given = 0;
  readonly done: Promise<void>;
  readonly #into: Writable;
  readonly #total: number;

  constructor(into: Writable, total: number) {
    [this.#into, this.#total] = [into, total];
    this.done = this.#produce();
  }

  async #produce(): Promise<void> {
    while (this.given < this.#total && !this.#into.destroyed) {
      const piece = PIECE.subarray(0, Math.min(PIECE.length, this.#total - this.given));
      this.given += piece.length;
      if (!this.#into.write(piece)) await this.#drained();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        this.#into.off('drain', over).off('close', over);
        resolve();
      };
      this.#into.on('drain', over).on('close', over);
    });
  }

  /** Resolves with what it could give once it gets rid of nothing more: for a while, one poll after the other. */
  async stalled(): Promise<number> {
    let [last, same] = [-1, 0];
    return eventually(() => {
      same = last === this.given ? same + 1 : 0;
      last = this.given;
      if (same < 10) throw new Error('still on its way');
      return this.given;
    });
  }
}

/** What a producer gives in all, as a digest. */
export function digestOf(total: number): string {
  const hash = createHash('sha1');
  for (let given = 0; given < total; given += PIECE.length)
    hash.update(PIECE.subarray(0, Math.min(PIECE.length, total - given)));
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

/** The most that buffers took while `work` went on, beyond what they took before, garbage not counted, in MB. */
export async function mostBuffered(work: Promise<unknown>): Promise<number> {
  const before = buffered();
  let most = 0;
  const looking = setInterval(() => (most = Math.max(most, buffered() - before)), 50);
  await work.finally(() => clearInterval(looking));
  return most / MB;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function buffered(): number {
  collect();
  collect(); // frees what the first has found
  return process.memoryUsage().arrayBuffers;
}
