import { Chunks } from './chunks.ts';
import { REPLY_HEAD_AT_MOST } from './limits.ts';
import { readReplyHead, type ReplyHead } from './reply-head.ts';

/** Who gets a reply as it comes in. */
export type ReplyListener = {
  /** 1xx but 101: more follows. */
  informed(head: ReplyHead): void;
  begun(head: ReplyHead): void;
  body(data: Buffer): void;
  /** The last piece of the body, null where there was none; trailers as names and values by turns. */
  ended(data: Buffer | null, trailers: readonly string[]): void;
};

const END_OF_HEAD = '\r\n\r\n';
const NOTHING = Buffer.alloc(0);
const NONE: readonly string[] = [];

/** Reads one reply of an upstream, byte by byte as it comes. */
export class ReplyReader {
  readonly #method: string;
  readonly #listener: ReplyListener;
  #head: ReplyHead | null = null;
  #partial: Buffer | null = null;
  #left = 0;
  #chunks: Chunks | null = null;
  isOver = false;

  constructor(method: string, listener: ReplyListener) {
    this.#method = method;
    this.#listener = listener;
  }

  get hasBegun(): boolean {
    return this.#head !== null || this.#partial !== null;
  }

  /** The upstream keeps this connection, and nothing of this reply is still to come. */
  get isReusable(): boolean {
    return this.isOver && this.#head?.keepsAlive === true;
  }

  /** Throws for what is no reply. Gives what came after the reply. */
  read(piece: Buffer): Buffer {
    let rest = piece;
    while (this.#head === null) {
      const after = this.#readHead(rest);
      if (after === null) return NOTHING;
      rest = after;
    }
    return this.#readBody(rest);
  }

  /** The upstream closed the connection. True where that is how the reply ends. */
  closed(): boolean {
    if (this.isOver) return true;
    if (this.#head?.framing.by !== 'close') return false;
    this.#end(null);
    return true;
  }

  /** What follows the head; null while it is not complete. */
  #readHead(piece: Buffer): Buffer | null {
    const so = this.#partial === null ? piece : Buffer.concat([this.#partial, piece]);
    const end = so.indexOf(END_OF_HEAD);
    if (end < 0 ? so.length > REPLY_HEAD_AT_MOST : end > REPLY_HEAD_AT_MOST) throw new Error('headers without end');
    this.#partial = so;
    if (end < 0) return null;
    const head = readReplyHead(so.toString('latin1', 0, end), this.#method);
    this.#partial = null;
    if (head.status < 200 && head.status !== 101) this.#listener.informed(head);
    else this.#begin(head);
    return so.subarray(end + END_OF_HEAD.length);
  }

  #begin(head: ReplyHead): void {
    this.#head = head;
    if (head.framing.by === 'length') this.#left = head.framing.bytes;
    if (head.framing.by === 'chunks') this.#chunks = new Chunks();
    this.#listener.begun(head);
    if (head.framing.by === 'nothing' || (head.framing.by === 'length' && this.#left === 0)) this.#end(null);
  }

  #readBody(piece: Buffer): Buffer {
    if (this.isOver || piece.length === 0) return piece;
    if (this.#chunks !== null) return this.#readChunks(this.#chunks, piece);
    if (this.#head?.framing.by === 'close') {
      this.#listener.body(piece);
      return piece.subarray(piece.length);
    }
    const data = piece.length > this.#left ? piece.subarray(0, this.#left) : piece;
    this.#left -= data.length;
    if (this.#left === 0) this.#end(data);
    else this.#listener.body(data);
    return piece.subarray(data.length);
  }

  #readChunks(chunks: Chunks, piece: Buffer): Buffer {
    const { data, trailers, rest } = chunks.read(piece);
    const last = trailers === null ? null : (data.pop() ?? null);
    for (const one of data) this.#listener.body(one);
    if (trailers !== null) this.#end(last, trailers);
    return rest;
  }

  #end(data: Buffer | null, trailers = NONE): void {
    this.isOver = true;
    this.#listener.ended(data, trailers);
  }
}
