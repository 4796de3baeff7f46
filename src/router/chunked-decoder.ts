import { parseHeader, quote } from './headers.ts';
import { MAX_CHUNK_LINE_BYTES } from './limits.ts';

const CR = 13;
const LF = 10;
/** These are dropped from the trailers: it is too late to change how the message is framed or routed. */
const FRAMING_HEADER = /^(content-length|transfer-encoding|trailer|connection|host)$/i;

export type Decoded = {
  body: Buffer[];
  /** Names and values in turns; null until the body is complete. */
  trailers: string[] | null;
  /** The bytes after the end of the body. */
  rest: Buffer;
};

/** Decodes a chunked response body as its bytes arrive. */
export class ChunkedDecoder {
  #state: 'size' | 'data' | 'end-of-data' | 'trailers' = 'size';
  /** Bytes of the current chunk that are still to come. */
  #remaining = 0;
  /** The beginning of a line. */
  #line = '';
  readonly #trailers: string[] = [];

  /** @throws Error for invalid framing. */
  decode(data: Buffer): Decoded {
    const body: Buffer[] = [];
    let at = 0;
    while (at < data.length) {
      if (this.#state === 'data') {
        const end = Math.min(data.length, at + this.#remaining);
        body.push(data.subarray(at, end));
        this.#remaining -= end - at;
        at = end;
        if (this.#remaining === 0) this.#state = 'end-of-data';
        continue;
      }
      const newline = data.indexOf(LF, at);
      const end = newline < 0 ? data.length : newline + 1;
      this.#line += data.toString('latin1', at, end);
      at = end;
      if (this.#line.length > MAX_CHUNK_LINE_BYTES) {
        throw new Error(`sent a chunk line longer than ${MAX_CHUNK_LINE_BYTES / 1024} KiB`);
      }
      if (newline >= 0 && this.#isLastLine(this.#takeLine()))
        return { body, trailers: this.#trailers, rest: data.subarray(at) };
    }
    return { body, trailers: null, rest: data.subarray(at) };
  }

  #takeLine(): string {
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== CR) throw new Error('sent a chunk line that ends without CR');
    return line.slice(0, -2);
  }

  /** Handles one line. Says whether the body ends with it. */
  #isLastLine(line: string): boolean {
    switch (this.#state) {
      case 'trailers':
        if (line === '') return true;
        this.#addTrailer(line);
        return false;
      case 'end-of-data':
        if (line !== '') throw new Error('sent a chunk longer than its size');
        this.#state = 'size';
        return false;
      case 'size':
      case 'data':
        this.#beginChunk(line);
        return false;
    }
  }

  #beginChunk(line: string): void {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw new Error(`sent an invalid chunk size: ${quote(line)}`);
    this.#remaining = parseInt(size, 16);
    this.#state = this.#remaining === 0 ? 'trailers' : 'data';
  }

  #addTrailer(line: string): void {
    const [name, value] = parseHeader(line, 'trailer');
    if (!FRAMING_HEADER.test(name)) this.#trailers.push(name, value);
  }
}
