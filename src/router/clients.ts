import type { Socket } from 'node:net';

const CLIENT = Symbol('client');
type Known = Socket & { [CLIENT]?: Client | undefined };

/** A client's connection. */
export class Client {
  readonly #socket: Socket;
  /** Requests that came on it and are not over; several where they were sent behind one another. */
  open = 0;
  /** Nothing that follows is served: it has sent what is no proper request, or its last reply has begun. */
  isRefused = false;
  /** Bytes that had come when nothing was under way on it for the last time. */
  #readAtRest = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Of this connection, always the same. */
  static of(socket: Known): Client {
    return (socket[CLIENT] ??= new Client(socket));
  }

  /** Nothing is under way on it, nor the head of a request. */
  get isIdle(): boolean {
    return this.open === 0 && this.#socket.bytesRead === this.#readAtRest;
  }

  /** A request is over. */
  left(): void {
    this.open -= 1;
    if (this.open === 0) this.#readAtRest = this.#socket.bytesRead;
  }
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
    socket.setMaxListeners(0); // each request that came on it is one
    socket.once('close', this.#forget);
  }

  closeAll(which: (socket: Socket) => boolean = () => true): void {
    for (const socket of this.#sockets) if (which(socket)) socket.destroy();
  }
}
