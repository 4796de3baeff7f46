import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../host/host.ts';
import { answer, ASLEEP, closeAfter, hangUp, unavailable } from './answers.ts';
import type { Visitor } from './gate.ts';
import { BUSY_RETRY_MS, HOLD_AT_MOST_MS } from './limits.ts';
import type { ReplyHead } from './reply-head.ts';
import type { Client } from './clients.ts';
import { hint, pairs, withoutTrailer } from './body.ts';
import { RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { Way } from './way.ts';
import type { Carrier, UpstreamConnection } from './upstream-connection.ts';

/** Nothing was sent to it. */
const UNREACHABLE = ['ENOENT', 'ECONNREFUSED'];
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** One request on its way to an upstream, and the reply on its way back. */
export class Exchange implements Visitor, Carrier {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #head: RequestHead;
  readonly #way: Way;
  readonly #client: Client;
  readonly #body: RequestBody;
  #connection: UpstreamConnection | null = null;
  #isVisitor = false;
  #isOver = false;
  #tries = 0;
  #cancelRetry: Cancel = () => {};
  /** The head of the reply waits for the body that goes out with it. */
  #isHeadHeld = false;
  /** Takes the reply faster than the client does. */
  #isStalled = false;

  constructor(request: IncomingMessage, response: ServerResponse, head: RequestHead, way: Way, client: Client) {
    this.#request = request;
    this.#response = response;
    this.#head = head;
    this.#way = way;
    this.#client = client;
    client.open += 1;
    this.#body = new RequestBody(request, head.body);
    response.sendDate = false; // the upstream's own, or none
    response.once('close', this.#over);
    // Behind another request, it does not hear of the end of its connection by itself.
    if (response.socket === null) request.socket.once('close', this.#over);
  }

  get received(): number {
    return this.#body.received;
  }

  get isReceiving(): boolean {
    return this.#connection !== null && this.#body.isReceiving;
  }

  get stalledAt(): number | null {
    const { socket } = this.#request;
    return this.#isStalled ? socket.bytesWritten - socket.writableLength : null;
  }

  /** isCounted: as a visitor, for whose sake an upstream on demand is there. */
  begin(isCounted: boolean): void {
    this.#isVisitor = isCounted;
    if (isCounted) this.#way.gate.admit(this);
    else this.enter();
  }

  enter(): void {
    this.#start(false);
  }

  refuse(why: string): void {
    this.#isVisitor = false;
    answer(this.#response, unavailable(why), this.#closing(!this.#request.complete));
  }

  informed(head: ReplyHead): void {
    if (this.#request.httpVersionMinor === 0 || this.#response.headersSent) return;
    // Behind another reply it would go out after its own final one.
    if (this.#response.socket === null) return void this.#response.once('socket', () => this.informed(head));
    if (head.status === 100) this.#response.writeContinue();
    else if (head.status === 103) hint(this.#response, head.headers);
  }

  begun({ status, reason, headers, framing }: ReplyHead): void {
    if (status === 101) throw new Error('101, which nobody asked for');
    const closing = this.#closing(!this.#body.isSent);
    if (closing !== null) closeAfter(this.#response, closing);
    const canTrail = framing.by === 'chunks' && this.#request.httpVersionMinor > 0;
    this.#response.writeHead(status, reason, canTrail ? headers : withoutTrailer(headers));
    this.#isHeadHeld = true;
  }

  body(data: Buffer): void {
    this.#isHeadHeld = false;
    if (this.#response.write(data) || this.#connection === null) return;
    const { socket } = this.#connection;
    socket.pause();
    this.#isStalled = true;
    this.#way.slow.watch(this);
    const resume = (): void => {
      this.#response.off('drain', resume);
      this.#request.socket.off('drain', resume);
      this.#isStalled = false;
      if (this.#connection?.socket === socket) socket.resume();
    };
    // Of the connection too: an upgrade behind this request takes Node's eye off it.
    this.#response.once('drain', resume);
    this.#request.socket.once('drain', resume);
  }

  ended(data: Buffer | null, trailers: readonly string[]): void {
    this.#isHeadHeld = false;
    if (trailers.length > 0) this.#response.addTrailers(pairs(trailers));
    if (!this.#body.isSent) this.#connection?.destroy();
    this.#letGo();
    if (data === null) this.#response.end();
    else this.#response.end(data);
  }

  heard(): void {
    if (this.#isHeadHeld) this.#response.write('', 'latin1'); // flushHeaders() takes headers for UTF-8
    this.#isHeadHeld = false;
  }

  drained(): void {
    this.#body.resume();
  }

  connected(): void {
    if (this.#body.start(() => this.#connection)) this.#way.slow.watch(this);
  }

  busy(): void {
    this.#letGo();
    this.#tries += 1;
    if (this.#tries * BUSY_RETRY_MS > HOLD_AT_MOST_MS) this.failed('EAGAIN', false);
    else this.#cancelRetry = this.#way.clock.after(BUSY_RETRY_MS, () => this.#start(true));
  }

  failed(why: string, stale: boolean): void {
    this.#letGo();
    if (stale && this.#body.isSent && this.#head.body === 'none' && REPEATABLE.has(this.#request.method ?? '')) {
      return this.#start(true);
    }
    // A monitor that asked just as it was put to rest.
    if (!this.#isVisitor && !this.#way.gate.isOpen && answer(this.#response, ASLEEP)) return;
    if (this.#way.isDraining && UNREACHABLE.includes(why)) {
      return void answer(this.#response, unavailable('stopping'), this.#way.clock);
    }
    this.#way.trouble.report(why);
    const { child } = this.#way;
    const closing = this.#closing(!this.#body.isSent);
    if (!answer(this.#response, { status: 502, text: `${child} does not answer\n` }, closing)) this.abort();
  }

  /** Nobody may take what the client has got for the whole. */
  abort(): void {
    // A FIN would end a reply without a length as if that were all of it.
    const reset = (): void => void this.#request.socket.resetAndDestroy();
    if (this.#response.socket !== null) reset();
    else this.#response.once('socket', reset); // behind another reply, which is whole
  }

  /** The client is too slow with its body. */
  giveUp(): void {
    if (!answer(this.#response, { status: 408, text: 'the rest of the request did not come\n' }, this.#way.clock))
      this.abort();
  }

  /** Not null where the connection is to close with its reply: because it must, or because the dyno stops. */
  #closing(must: boolean): Clock | null {
    return must || (this.#way.isDraining && this.#client.open === 1) ? this.#way.clock : null;
  }

  #start(fresh: boolean): void {
    this.#connection = this.#way.pool.take(fresh);
    this.#connection.carry(this.#head.text, this.#request.method ?? 'GET', this);
  }

  #letGo(): void {
    if (this.#connection === null) return;
    this.#connection.socket.resume();
    this.#way.pool.giveBack(this.#connection);
    this.#connection = null;
  }

  /** The reply has gone out, or the client has left. */
  readonly #over = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#request.socket.off('close', this.#over);
    this.#connection?.destroy();
    this.#letGo();
    this.#way.slow.forget(this);
    this.#cancelRetry();
    this.#client.left();
    if (this.#client.open === 0) this.#closeClient();
    if (this.#isVisitor) this.#way.gate.leave(this);
  };

  /** Nothing is under way on it any more, and what its client may have sent by then is not passed on. */
  #closeClient(): void {
    if (!this.#client.isRefused && !this.#way.gate.isClosing) return;
    this.#client.isRefused = true;
    hangUp(this.#request.socket, this.#way.clock);
  }
}
