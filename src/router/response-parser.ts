import { ChunkedDecoder } from './chunked-decoder.ts';
import { hopByHopHeaders, parseHeader, type Header, type RawHeaders } from './headers.ts';
import { MAX_RESPONSE_HEAD_BYTES } from './limits.ts';

/** How the end of a response body is known. */
export type Framing = { kind: 'length'; bytes: number } | { kind: 'chunked' } | { kind: 'close' } | { kind: 'no-body' };
export type ResponseHead = {
  status: number;
  reason: string;
  /** Without the hop-by-hop headers. */
  headers: string[];
  framing: Framing;
  /** The upstream keeps the connection open after this response. */
  keepsAlive: boolean;
};
export type ResponseHandler = {
  /** 1xx but 101: another head follows. */
  onInformational(head: ResponseHead): void;
  onHeaders(head: ResponseHead): void;
  onBody(data: Buffer): void;
  /** data: the last piece of the body; null where it has already been passed on. */
  onEnd(data: Buffer | null, trailers: RawHeaders): void;
};

const END_OF_HEAD = '\r\n\r\n';
const NO_BYTES = Buffer.alloc(0);
const NO_TRAILERS: RawHeaders = [];

/** Parses one response of an upstream as its bytes arrive. */
export class ResponseParser {
  readonly #method: string;
  readonly #handler: ResponseHandler;
  #head: ResponseHead | null = null;
  /** The beginning of a head. */
  #partialHead: Buffer | null = null;
  /** Bytes of the body that are still to come. */
  #remaining = 0;
  #chunks: ChunkedDecoder | null = null;
  isComplete = false;

  /** method: of the request, since the response to HEAD has no body. */
  constructor(method: string, handler: ResponseHandler) {
    this.#method = method;
    this.#handler = handler;
  }

  get hasBegun(): boolean {
    return this.#head !== null || this.#partialHead !== null;
  }

  /** The upstream has accepted an upgrade (101): the bytes that follow are not HTTP. */
  get isUpgrade(): boolean {
    return this.#head?.status === 101;
  }

  get isReusable(): boolean {
    return this.isComplete && this.#head?.keepsAlive === true;
  }

  /** @returns the bytes after the end of the response.
   * @throws Error for what is not a valid response. */
  parse(data: Buffer): Buffer {
    let rest = data;
    while (this.#head === null) {
      const afterHead = this.#parseHead(rest);
      if (afterHead === null) return NO_BYTES;
      rest = afterHead;
    }
    return this.#parseBody(rest);
  }

  /** The upstream has closed the connection.
   * @returns whether the response is complete. */
  onClose(): boolean {
    if (this.isComplete) return true;
    if (this.#head?.framing.kind !== 'close') return false;
    this.#end(null);
    return true;
  }

  /** @returns the bytes after the head; null while it is incomplete. */
  #parseHead(data: Buffer): Buffer | null {
    const bytes = this.#partialHead === null ? data : Buffer.concat([this.#partialHead, data]);
    const end = bytes.indexOf(END_OF_HEAD);
    if ((end < 0 ? bytes.length : end) > MAX_RESPONSE_HEAD_BYTES) {
      throw new Error(`sent response headers larger than ${MAX_RESPONSE_HEAD_BYTES / 1024} KiB`);
    }
    this.#partialHead = bytes;
    if (end < 0) return null;
    const head = parseResponseHead(bytes.toString('latin1', 0, end), this.#method);
    this.#partialHead = null;
    if (head.status < 200 && head.status !== 101) this.#handler.onInformational(head);
    else this.#begin(head);
    return bytes.subarray(end + END_OF_HEAD.length);
  }

  #begin(head: ResponseHead): void {
    const { framing } = head;
    this.#head = head;
    if (framing.kind === 'length') this.#remaining = framing.bytes;
    if (framing.kind === 'chunked') this.#chunks = new ChunkedDecoder();
    this.#handler.onHeaders(head);
    if (framing.kind === 'no-body' || (framing.kind === 'length' && this.#remaining === 0)) this.#end(null);
  }

  #parseBody(data: Buffer): Buffer {
    if (this.isComplete || data.length === 0) return data;
    if (this.#chunks !== null) return this.#parseChunks(this.#chunks, data);
    if (this.#head?.framing.kind === 'close') {
      this.#handler.onBody(data);
      return NO_BYTES;
    }
    const body = data.length > this.#remaining ? data.subarray(0, this.#remaining) : data;
    this.#remaining -= body.length;
    if (this.#remaining === 0) this.#end(body);
    else this.#handler.onBody(body);
    return data.subarray(body.length);
  }

  #parseChunks(chunks: ChunkedDecoder, data: Buffer): Buffer {
    const { body, trailers, rest } = chunks.decode(data);
    const last = trailers === null ? null : (body.pop() ?? null);
    for (const piece of body) this.#handler.onBody(piece);
    if (trailers !== null) this.#end(last, trailers);
    return rest;
  }

  #end(data: Buffer | null, trailers = NO_TRAILERS): void {
    this.isComplete = true;
    this.#handler.onEnd(data, trailers);
  }
}

/** text: the head without its final empty line.
 * @throws Error for what is not a valid response, or one whose end cannot be determined. */
function parseResponseHead(text: string, method: string): ResponseHead {
  const lines = text.split('\r\n');
  const [, minorVersion, code, reason = ''] =
    /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(lines[0] ?? '') ?? [];
  if (code === undefined) throw new Error('did not send an HTTP/1 response');
  const all = lines.slice(1).map((line) => parseHeader(line, 'header'));
  const connection = valuesOf(all, 'connection').join(', ');
  const framing = framingOf(Number(code), method, valueOf(all, 'content-length'), valueOf(all, 'transfer-encoding'));
  const hopByHop = hopByHopHeaders(connection);
  const headers: string[] = [];
  let lengths = 0;
  for (const [name, value, lowerCaseName] of all) {
    if (hopByHop.has(lowerCaseName)) continue;
    if (lowerCaseName === 'content-length' && (lengths += 1) > 1) continue;
    headers.push(name, value);
  }
  const closes = minorVersion === '0' ? !/keep-alive/i.test(connection) : /close/i.test(connection);
  return { status: Number(code), reason, headers, framing, keepsAlive: !closes && framing.kind !== 'close' };
}

function valuesOf(headers: readonly Header[], wanted: string): string[] {
  return headers.flatMap(([, value, lowerCaseName]) => (lowerCaseName === wanted ? value : []));
}

/** null where the header is missing. The same value twice counts once. */
function valueOf(headers: readonly Header[], wanted: string): string | null {
  const [value = null, ...conflicting] = new Set(valuesOf(headers, wanted));
  if (conflicting.length > 0) throw new Error(`sent conflicting ${wanted} headers`);
  return value;
}

function framingOf(status: number, method: string, length: string | null, coding: string | null): Framing {
  if (length !== null && coding !== null) throw new Error('sent both Content-Length and Transfer-Encoding');
  if (length !== null && !/^\d{1,15}$/.test(length))
    throw new Error(`sent an invalid Content-Length: ${length.slice(0, 20)}`);
  if (coding !== null && coding.toLowerCase() !== 'chunked')
    throw new Error(`sent an unsupported Transfer-Encoding: ${coding.slice(0, 20)}`);
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'no-body' };
  if (coding !== null) return { kind: 'chunked' };
  return length === null ? { kind: 'close' } : { kind: 'length', bytes: Number(length) };
}
