/** A buffer that can shrink gives its pages back at once, others when the garbage collector likes to. */
type Elastic = ArrayBuffer & { resize(bytes: number): void };
const Elastic = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => Elastic;

const PIECE_MOST_BYTES = 2 ** 30;
const STEP_MS = 20;
/** 200 MB/s: fast, but no faster than a guard can act. */
const STEP_BYTES = 4 * 2 ** 20;

/** All of it: what nobody refers to, the garbage collector would take away. */
const kept: Ballast[] = [];

/** Memory that is really there: allocated, and written to, so that it is this process's own. */
export class Ballast {
  readonly #pieces: Elastic[] = [];
  #wantedBytes = 0;
  #growing: NodeJS.Timeout | undefined;

  constructor() {
    kept.push(this);
  }

  /** Takes that much more, evenly over that time. */
  async take(bytes: number, overMs: number): Promise<void> {
    const steps = Math.max(1, Math.ceil(overMs / STEP_MS));
    for (let step = 1; step <= steps; step++) {
      await new Promise((resolve) => setTimeout(resolve, overMs / steps));
      this.#add(Math.round((bytes * step) / steps) - Math.round((bytes * (step - 1)) / steps));
    }
  }

  /** Grows by that much from now on; never keeps the process alive. */
  flood(bytes: number): void {
    this.#wantedBytes += bytes;
    this.#growing ??= setInterval(() => {
      const next = Math.min(STEP_BYTES, this.#wantedBytes);
      this.#wantedBytes -= next;
      if (next === 0) this.#stopGrowing();
      else this.#add(next);
    }, STEP_MS).unref();
  }

  release(): void {
    this.#stopGrowing();
    this.#wantedBytes = 0;
    for (const piece of this.#pieces) piece.resize(0);
  }

  #stopGrowing(): void {
    clearInterval(this.#growing);
    this.#growing = undefined;
  }

  #add(bytes: number): void {
    for (let rest = bytes; rest > 0;) {
      const piece = this.#pieceWithRoom();
      const from = piece.byteLength;
      const more = Math.min(rest, PIECE_MOST_BYTES - from);
      piece.resize(from + more);
      new Uint8Array(piece, from, more).fill(1);
      rest -= more;
    }
  }

  #pieceWithRoom(): Elastic {
    const found = this.#pieces.find(({ byteLength }) => byteLength < PIECE_MOST_BYTES);
    if (found !== undefined) return found;
    const piece = new Elastic(0, { maxByteLength: PIECE_MOST_BYTES });
    this.#pieces.push(piece);
    return piece;
  }
}
