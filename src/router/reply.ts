import type { ServerResponse } from 'node:http';
import type { Clock } from '../host/host.ts';
import { closeAfter } from './answers.ts';
import { hint, pairs, withoutTrailer } from './body.ts';
import type { ReplyHead } from './reply-head.ts';

/** The reply of an upstream on its way back: its head goes out with its first bytes, the rest as fast as the client takes it. */
export class Reply {
  readonly #response: ServerResponse;
  /** The head waits for the body that goes out with it. */
  #isHeadHeld = false;
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
    // Behind another reply it would go out after its own final one.
    if (this.#response.socket === null) return void this.#response.once('socket', () => this.inform(head));
    if (head.status === 100) this.#response.writeContinue();
    else if (head.status === 103) hint(this.#response, head.headers);
  }

  /** closing: the connection is of no more use afterwards. */
  begin({ status, reason, headers, framing }: ReplyHead, closing: Clock | null): void {
    if (closing !== null) closeAfter(this.#response, closing);
    const canTrail = framing.by === 'chunks' && this.#response.req.httpVersionMinor > 0;
    this.#response.writeHead(status, reason, canTrail ? headers : withoutTrailer(headers));
    this.#isHeadHeld = true;
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

  /** Nobody may take what the client has got for the whole: a FIN would end a reply without a length as if that were all of it. */
  abort(): void {
    const reset = (): void => void this.#response.req.socket.resetAndDestroy();
    if (this.#response.socket !== null) reset();
    else this.#response.once('socket', reset); // behind another reply, which is whole
  }
}
