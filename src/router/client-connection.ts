import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_PIPELINED } from './limits.ts';

const CONNECTION = Symbol('client connection');
type ClientSocket = Socket & { [CONNECTION]?: ClientConnection | undefined };

/** A client's connection. Pipelined requests are served one after the other: a response cannot go out before the one ahead of it
 * anyway. */
export class ClientConnection {
  readonly #socket: Socket;
  /** What serves the requests that wait for their turn. */
  readonly #pipelined: (() => void)[] = [];
  /** No further request is served: the client has sent an invalid one, or a response with `Connection: close` has begun. */
  isClosing = false;
  #isServing = false;
  /** Bytes received when the last request in progress was done. */
  #bytesReadWhenIdle = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The one object of this socket. */
  static of(socket: ClientSocket): ClientConnection {
    return (socket[CONNECTION] ??= new ClientConnection(socket));
  }

  get openRequests(): number {
    return this.#pipelined.length + (this.#isServing ? 1 : 0);
  }

  /** No request is in progress, and no part of one has been received. */
  get isIdle(): boolean {
    return this.openRequests === 0 && this.#socket.bytesRead === this.#bytesReadWhenIdle;
  }

  /** serve: called when it is the request's turn.
   * @returns false where too many requests are waiting. */
  enqueue(response: ServerResponse, serve: () => void): boolean {
    if (this.#pipelined.length >= MAX_PIPELINED) return false;
    this.#pipelined.push(() => {
      response.once('close', this.#serveNext);
      serve();
    });
    if (!this.#isServing) this.#serveNext();
    return true;
  }

  /** The connection becomes a WebSocket, which never becomes idle again. */
  upgrade(): void {
    this.#isServing = true;
  }

  /** The previous response has gone out, or the client is gone. */
  readonly #serveNext = (): void => {
    if (this.#socket.destroyed || this.#socket.writableEnded) this.#pipelined.length = 0;
    const serve = this.#pipelined.shift();
    this.#isServing = serve !== undefined;
    if (serve) serve();
    else this.#bytesReadWhenIdle = this.#socket.bytesRead;
  };
}
