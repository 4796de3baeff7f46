import type { Socket } from 'node:net';
import type { Cancel } from '../host.ts';
import type { ClientTransfer } from './client-timeouts.ts';
import { HALF_CLOSE_TIMEOUT_MS } from './limits.ts';
import type { Upstream } from './upstream.ts';

const TUNNEL = Symbol('tunnel');
type TunnelSocket = Socket & { [TUNNEL]?: Tunnel };

/** All tunnels share these listeners: a small dyno may have thousands of tunnels that are idle for hours. */
const LISTENERS = {
  data(this: TunnelSocket, data: Buffer): void {
    this[TUNNEL]?.forward(this, data);
  },
  drain(this: TunnelSocket): void {
    this[TUNNEL]?.onDrain(this);
  },
  end(this: TunnelSocket): void {
    this[TUNNEL]?.onHalfClose(this);
  },
  error(this: TunnelSocket): void {
    this.destroy();
  },
  close(this: TunnelSocket): void {
    this[TUNNEL]?.onClose(this);
  },
};

/** Copies bytes between an upgraded client and its upstream until one of them closes. */
export function openTunnel(client: Socket, server: Socket, upstream: Upstream): void {
  const tunnel = new Tunnel(client, server, upstream);
  for (const socket of [client, server] as TunnelSocket[]) {
    socket[TUNNEL] = tunnel;
    socket.setTimeout(0).setNoDelay();
    for (const [event, listener] of Object.entries(LISTENERS)) socket.on(event, listener);
  }
  client.resume();
}

export function isTunnel(client: TunnelSocket): boolean {
  return client[TUNNEL] !== undefined;
}

/** Watched for timeouts while one end does not read what the other sends: the sender is paused then, so that neither its FIN nor its
 * close can be noticed. */
class Tunnel implements ClientTransfer {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #upstream: Upstream;
  /** No bytes are received as a request body. */
  readonly received = 0;
  readonly isReceiving = false;
  #isAdmitted = true;
  #cancelHalfCloseTimeout: Cancel | null = null;

  constructor(client: Socket, server: Socket, upstream: Upstream) {
    this.#client = client;
    this.#server = server;
    this.#upstream = upstream;
  }

  get stalledAt(): number | null {
    const stalled = [this.#client, this.#server].filter(isStalled);
    if (stalled.length === 0) return null;
    return stalled.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
  }

  timeOut(): void {
    this.#server.destroy();
    this.#client.destroy();
  }

  forward(from: Socket, data: Buffer): void {
    if (this.#otherEnd(from).write(data)) return;
    from.pause();
    this.#upstream.timeouts.watch(this);
  }

  onDrain(drained: Socket): void {
    this.#otherEnd(drained).resume();
    if (this.stalledAt === null) this.#upstream.timeouts.unwatch(this);
  }

  /** One end has sent FIN: forwards it, and gives both ends HALF_CLOSE_TIMEOUT_MS to close. */
  onHalfClose(from: Socket): void {
    this.#otherEnd(from).end();
    this.#cancelHalfCloseTimeout ??= this.#upstream.clock.after(HALF_CLOSE_TIMEOUT_MS, () => this.#server.destroy());
  }

  /** After a close of the server the admission is released at once, so that no shutdown waits until the client has read the last
   * bytes. */
  onClose(closed: Socket): void {
    if (this.#isAdmitted) this.#upstream.admission.release();
    this.#isAdmitted = false;
    if (closed === this.#client) {
      this.#server.destroy();
      this.#upstream.timeouts.unwatch(this);
    } else {
      this.#cancelHalfCloseTimeout?.();
      this.#client.destroySoon();
      if (isStalled(this.#client)) this.#upstream.timeouts.watch(this);
    }
  }

  #otherEnd(socket: Socket): Socket {
    return socket === this.#client ? this.#server : this.#client;
  }
}

/** It has to read bytes before the other end may send more, or before it can close. */
function isStalled({ destroyed, writableNeedDrain, writableEnded, writableLength }: Socket): boolean {
  return !destroyed && (writableNeedDrain || (writableEnded && writableLength > 0));
}
