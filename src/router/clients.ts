import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { BEHIND_AT_MOST } from './limits.ts';

const CLIENT = Symbol('client');
type Known = Socket & { [CLIENT]?: Client | undefined };

/** A client's connection. Its requests are served one after the other: of those that were sent behind one another nobody could hear the
 * reply before that of the one before. */
export class Client {
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  /** Nothing that follows is served: it has sent what is no proper request, or its last reply has begun. */
  isRefused = false;
  #isServed = false;
  /** Bytes that had come when nothing was under way on it for the last time. */
  #readAtRest = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Of this connection, always the same. */
  static of(socket: Known): Client {
    return (socket[CLIENT] ??= new Client(socket));
  }

  /** Requests that came on it and are not over. */
  get open(): number {
    return this.#waiting.length + (this.#isServed ? 1 : 0);
  }

  /** Nothing is under way on it, nor the head of a request. */
  get isIdle(): boolean {
    return this.open === 0 && this.#socket.bytesRead === this.#readAtRest;
  }

  /** serve: called when its turn comes; false where too many wait already. */
  take(response: ServerResponse, serve: () => void): boolean {
    if (this.#waiting.length >= BEHIND_AT_MOST) return false;
    this.#waiting.push(() => {
      response.once('close', this.#next);
      serve();
    });
    if (!this.#isServed) this.#next();
    return true;
  }

  /** For good: it becomes a WebSocket. */
  keep(): void {
    this.#isServed = true;
  }

  /** The reply before has gone out, or there is nobody who could get one. */
  readonly #next = (): void => {
    if (this.#socket.destroyed || this.#socket.writableEnded) this.#waiting.length = 0;
    const serve = this.#waiting.shift();
    this.#isServed = serve !== undefined;
    if (serve) serve();
    else this.#readAtRest = this.#socket.bytesRead;
  };
}

/** Every connection that is open, WebSockets included. */
export class Clients {
  readonly #sockets = new Set<Socket>();
  readonly #forget: (this: Socket) => void;

  constructor() {
    const sockets = this.#sockets;
    this.#forget = function (this: Socket) {
      sockets.delete(this);
    };
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', this.#forget);
  }

  closeAll(which: (socket: Socket) => boolean = () => true): void {
    for (const socket of this.#sockets) if (which(socket)) socket.destroy();
  }
}
