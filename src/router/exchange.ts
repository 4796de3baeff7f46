import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, unavailable } from './answers.ts';
import type { Visitor } from './gate.ts';
import type { ReplyHead } from './reply-head.ts';
import { hint, lastChunk, pairs, send, withoutTrailer } from './body.ts';
import type { RequestHead } from './request-head.ts';
import type { Way } from './way.ts';
import type { Carrier, UpstreamConnection } from './upstream-connection.ts';

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** One request on its way to an upstream, and the reply on its way back. */
export class Exchange implements Visitor, Carrier {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #head: RequestHead;
  readonly #way: Way;
  #connection: UpstreamConnection | null = null;
  /** The whole request has gone to the upstream. */
  #isSent: boolean;
  #isVisitor = false;
  /** Bytes of the body. */
  received = 0;
  /** The client takes nothing at the moment. */
  isStalled = false;

  constructor(request: IncomingMessage, response: ServerResponse, head: RequestHead, way: Way) {
    this.#request = request;
    this.#response = response;
    this.#head = head;
    this.#way = way;
    this.#isSent = head.body === 'none';
    response.sendDate = false; // the upstream's own, or none
    response.once('close', () => this.#over());
  }

  /** It waits for the client, not for the upstream. */
  get isReceiving(): boolean {
    return !this.#isSent && this.#connection !== null && !this.#request.isPaused();
  }

  /** isCounted: as a visitor, for whose sake an upstream on demand is there. */
  begin(isCounted: boolean): void {
    this.#isVisitor = isCounted;
    if (isCounted) this.#way.gate.admit(this);
    else this.enter();
  }

  enter(): void {
    this.#start(false);
    if (!this.#isSent) this.#sendBody();
  }

  refuse(why: string): void {
    this.#isVisitor = false;
    answer(this.#response, unavailable(why), !this.#request.complete);
  }

  informed(head: ReplyHead): void {
    if (head.status === 100) this.#response.writeContinue();
    else if (head.status === 103 && this.#request.httpVersionMinor > 0) hint(this.#response, head.headers);
  }

  begun({ status, reason, headers, framing }: ReplyHead): void {
    if (!this.#isSent || this.#way.isDraining) this.#response.shouldKeepAlive = false;
    const canTrail = framing.by === 'chunks' && this.#request.httpVersionMinor > 0;
    this.#response.writeHead(status, reason, canTrail ? headers : withoutTrailer(headers));
  }

  body(data: Buffer): void {
    if (this.#response.write(data) || this.#connection === null) return;
    const { socket } = this.#connection;
    socket.pause();
    this.isStalled = true;
    this.#way.slow.watch(this);
    this.#response.once('drain', () => {
      this.isStalled = false;
      socket.resume();
    });
  }

  ended(data: Buffer | null, trailers: readonly string[]): void {
    if (!this.#isSent) this.#connection?.destroy();
    this.#letGo();
    if (trailers.length > 0) this.#response.addTrailers(pairs(trailers));
    if (data === null) this.#response.end();
    else this.#response.end(data);
  }

  drained(): void {
    this.#request.resume();
  }

  failed(why: string, retriable: boolean): void {
    this.#letGo();
    if (retriable && this.#isSent && this.#head.body === 'none' && REPEATABLE.has(this.#request.method ?? '')) {
      return this.#start(true);
    }
    this.#way.trouble.report(why);
    const { child } = this.#way;
    if (!answer(this.#response, { status: 502, text: `${child} does not answer\n` }, !this.#isSent)) this.abort();
  }

  /** Nobody may take what the client has got for the whole. */
  abort(): void {
    // A FIN would end a reply without a length as if that were all of it.
    this.#response.socket?.resetAndDestroy();
  }

  /** The client is too slow with its body. */
  giveUp(): void {
    if (!answer(this.#response, { status: 408, text: 'the rest of the request did not come\n' }, true)) this.abort();
  }

  #start(fresh: boolean): void {
    this.#connection = this.#way.pool.take(fresh);
    this.#connection.carry(this.#head.text, this.#request.method ?? 'GET', this);
  }

  #letGo(): void {
    if (this.#connection !== null) this.#way.pool.giveBack(this.#connection);
    this.#connection = null;
  }

  #sendBody(): void {
    const isChunked = this.#head.body === 'chunked';
    this.#way.slow.watch(this);
    this.#request.on('data', (data: Buffer) => {
      this.received += data.length;
      if (this.#connection !== null && !send(this.#connection, data, isChunked)) this.#request.pause();
    });
    this.#request.once('end', () => {
      if (isChunked) this.#connection?.socket.write(lastChunk(this.#request.rawTrailers), 'latin1');
      this.#isSent = true;
    });
  }

  /** The reply has gone out, or the client has left. */
  #over(): void {
    this.#connection?.destroy();
    this.#letGo();
    this.#way.slow.forget(this);
    if (this.#isVisitor) this.#way.gate.leave(this);
  }
}
