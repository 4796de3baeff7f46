import type { Socket } from 'node:net';

const CLIENT = Symbol('client');
/** What is known of a client's connection. */
export type Client = {
  /** Requests that came on it and are not over; several where they were sent behind one another. */
  open: number;
  /** Nothing that follows is served: it has sent what is no proper request, or has its last reply. */
  isRefused: boolean;
};
type Known = Socket & { [CLIENT]?: Client | undefined };

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

  of(socket: Known): Client {
    return (socket[CLIENT] ??= { open: 0, isRefused: false });
  }

  /** Those on which nothing has ever come: who opens connections beforehand opens others elsewhere. */
  closeUnused(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  closeAll(which: (socket: Socket) => boolean = () => true): void {
    for (const socket of this.#sockets) if (which(socket)) socket.destroy();
  }
}
