import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../host/host.ts';
import { answer, ASLEEP, hangUp, unavailable } from './answers.ts';
import type { Visitor } from './gate.ts';
import { BUSY_RETRY_MS, HOLD_AT_MOST_MS } from './limits.ts';
import type { ReplyHead } from './reply-head.ts';
import type { Client } from './clients.ts';
import { Reply } from './reply.ts';
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
  readonly #reply: Reply;
  #connection: UpstreamConnection | null = null;
  #isVisitor = false;
  #tries = 0;
  #cancelRetry: Cancel = () => {};

  constructor(request: IncomingMessage, response: ServerResponse, head: RequestHead, way: Way, client: Client) {
    this.#request = request;
    this.#response = response;
    this.#head = head;
    this.#way = way;
    this.#client = client;
    this.#body = new RequestBody(request, head.body);
    this.#reply = new Reply(response);
    response.once('close', this.#over);
  }

  get received(): number {
    return this.#body.received;
  }

  get isReceiving(): boolean {
    return this.#connection !== null && this.#body.isReceiving;
  }

  get stalledAt(): number | null {
    return this.#reply.stalledAt;
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
    this.#reply.inform(head);
  }

  begun(head: ReplyHead): void {
    if (head.status === 101) throw new Error('101, which nobody asked for');
    this.#reply.begin(head, this.#closing(!this.#body.isSent));
  }

  body(data: Buffer): void {
    if (this.#reply.write(data) || this.#connection === null) return;
    const { socket } = this.#connection;
    socket.pause();
    this.#reply.stall(() => {
      if (this.#connection?.socket === socket) socket.resume();
    });
    this.#way.slow.watch(this);
  }

  ended(data: Buffer | null, trailers: readonly string[]): void {
    if (!this.#body.isSent) this.#connection?.destroy();
    this.#letGo();
    this.#reply.end(data, trailers);
  }

  heard(): void {
    this.#reply.flush();
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
    if (!answer(this.#response, { status: 502, text: `${child} does not answer\n` }, closing)) {
      this.#reply.breakOff(this.#way.clock);
    }
  }

  /** The client is too slow with its body. */
  giveUp(): void {
    if (!answer(this.#response, { status: 408, text: 'the rest of the request did not come\n' }, this.#way.clock))
      this.#reply.abort();
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
    this.#connection?.destroy();
    this.#letGo();
    this.#way.slow.forget(this);
    this.#cancelRetry();
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
