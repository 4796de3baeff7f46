import { TOKEN, UNFIT, value } from './reply-head.ts';

const CR = 13;
const LF = 10;
/** Too late to say how long the body was. */
const FRAMING = /^(content-length|transfer-encoding|trailer|connection|host)$/i;
const LINE_AT_MOST = 16 * 1024;

/** What was read from a piece of a chunked body. */
export type Read = {
  data: Buffer[];
  /** Names and values by turns, once the body is over. */
  trailers: string[] | null;
  /** What follows the body; empty until then. */
  rest: Buffer;
};

/** Reads a chunked body, piece by piece. Throws where the upstream breaks its framing. */
export class Chunks {
  #state: 'size' | 'data' | 'after-data' | 'trailers' = 'size';
  #left = 0;
  #line = '';
  readonly #trailers: string[] = [];

  read(piece: Buffer): Read {
    const data: Buffer[] = [];
    let at = 0;
    while (at < piece.length) {
      if (this.#state === 'data') {
        const end = Math.min(piece.length, at + this.#left);
        data.push(piece.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'after-data';
        continue;
      }
      const newline = piece.indexOf(LF, at);
      const end = newline < 0 ? piece.length : newline + 1;
      this.#line += piece.toString('latin1', at, end);
      at = end;
      if (this.#line.length > LINE_AT_MOST) throw new Error('a line of a chunked body has no end');
      if (newline >= 0 && this.#isOver(this.#takeLine()))
        return { data, trailers: this.#trailers, rest: piece.subarray(at) };
    }
    return { data, trailers: null, rest: piece.subarray(at) };
  }

  #takeLine(): string {
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== CR) throw new Error('a line of a chunked body without CR');
    return line.slice(0, -2);
  }

  /** Whether this line was the last of the body. */
  #isOver(line: string): boolean {
    if (this.#state === 'trailers') return line === '' || this.#addTrailer(line);
    if (this.#state === 'after-data') {
      if (line !== '') throw new Error('a chunk is longer than it says');
      this.#state = 'size';
      return false;
    }
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw new Error(`not the size of a chunk: ${start(line)}`);
    this.#left = parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'data';
    return false;
  }

  #addTrailer(line: string): false {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!TOKEN.test(name) || UNFIT.test(line)) throw new Error(`not a trailer: ${start(line)}`);
    if (!FRAMING.test(name)) this.#trailers.push(name, value(line, colon));
    return false;
  }
}

/** Enough of it to know what it is. */
function start(line: string): string {
  return JSON.stringify(line.slice(0, 60));
}
