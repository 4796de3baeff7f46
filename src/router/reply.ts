import type { ServerResponse } from 'node:http';
import type { Clock } from '../host/host.ts';
import { closeAfter, hangUp } from './answers.ts';
import { hint, pairs, withoutTrailer } from './body.ts';
import type { ReplyHead } from './reply-head.ts';

/** The reply of an upstream on its way back: its head goes out with its first bytes, the rest as fast as the client takes it. */
export class Reply {
  readonly #response: ServerResponse;
  /** The head waits for the body that goes out with it. */
  #isHeadHeld = false;
  /** By its length. */
  #isDelimited = false;
  /** Comes faster than the client takes it. */
  #isStalled = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.sendDate = false; // the upstream's own, or none
  }

  /** Bytes on its connection that have gone out, while it waits for the client; null while it does not. */
  get stalledAt(): number | null {
    const { socket } = this.#response.req;
    return this.#isStalled ? socket.bytesWritten - socket.writableLength : null;
  }

  /** What comes before the head: 100, 103. */
  inform(head: ReplyHead): void {
    if (this.#response.req.httpVersionMinor === 0 || this.#response.headersSent) return;
    if (head.status === 100) this.#response.writeContinue();
    else if (head.status === 103) hint(this.#response, head.headers);
  }

  /** closing: the connection is of no more use afterwards. */
  begin({ status, reason, headers, framing }: ReplyHead, closing: Clock | null): void {
    if (closing !== null) closeAfter(this.#response, closing);
    const canTrail = framing.by === 'chunks' && this.#response.req.httpVersionMinor > 0;
    this.#response.writeHead(status, reason, canTrail ? headers : withoutTrailer(headers));
    this.#isHeadHeld = true;
    this.#isDelimited = framing.by === 'length';
  }

  /** False when the client takes no more for now. */
  write(data: Buffer): boolean {
    this.#isHeadHeld = false;
    return this.#response.write(data);
  }

  /** resume: called once, when the client takes more; dropped where another waits for that already. */
  stall(resume: () => void): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    const emitters = [this.#response, this.#response.req.socket];
    const drained = (): void => {
      for (const emitter of emitters) emitter.off('drain', drained);
      this.#isStalled = false;
      resume();
    };
    // Of the connection too: an upgrade behind this request takes Node's eye off it.
    for (const emitter of emitters) emitter.once('drain', drained);
  }

  end(data: Buffer | null, trailers: readonly string[]): void {
    this.#isHeadHeld = false;
    if (trailers.length > 0) this.#response.addTrailers(pairs(trailers));
    if (data === null) this.#response.end();
    else this.#response.end(data);
  }

  /** No more bytes will come with the head. */
  flush(): void {
    if (this.#isHeadHeld) this.#response.write('', 'latin1'); // flushHeaders() takes headers for UTF-8
    this.#isHeadHeld = false;
  }

  /** It broke off, and nobody may take what the client has got for the whole: a FIN would end a reply without a length as if that were
   * all of it. Else a reset would only cut what the kernel still has of the reply before. */
  breakOff(clock: Clock): void {
    if (this.#isDelimited || this.#response.chunkedEncoding) hangUp(this.#response.req.socket, clock);
    else this.abort();
  }

  /** Whoever has not taken it by now gets nothing more. */
  abort(): void {
    this.#response.req.socket.resetAndDestroy();
  }
}
