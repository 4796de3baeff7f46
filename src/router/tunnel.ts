import type { Socket } from 'node:net';
import type { Cancel } from '../host/host.ts';
import { HALF_CLOSED_AT_MOST_MS } from './limits.ts';
import type { Watched } from './slow-clients.ts';
import type { Way } from './way.ts';

const TUNNEL = Symbol('tunnel');
/** One end of a WebSocket that we carry. */
type End = Socket & { [TUNNEL]?: Tunnel };
/** A gate only counts what is inside, so the tunnel need not keep its Upgrade to leave. */
const INSIDE = { enter(): void {}, refuse(): void {} };

/** Carries bytes both ways, unread, until one end closes. All tunnels share the same few listeners: there may be thousands, idle for
 * hours, in a small dyno. */
export function join(client: Socket, upstream: Socket, way: Way): void {
  const tunnel = new Tunnel(client, upstream, way);
  for (const end of [client, upstream] as End[]) {
    end[TUNNEL] = tunnel;
    end.setTimeout(0).setNoDelay();
    end.on('data', onData).on('drain', onDrain).on('end', onEnd).on('error', onError);
  }
  upstream.once('close', onUpstreamClose);
  client.once('close', onClientClose);
  client.resume();
}

export function isJoined(client: End): boolean {
  return client[TUNNEL] !== undefined;
}

/** The two ends, and what limits their time. It is watched as a slow client while one end does not take what the other sends: the
 * sender is paused then, and its FIN or its close cannot be seen. */
class Tunnel implements Watched {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #way: Way;
  #isInside = true;
  #cancelHalfClosed: Cancel | null = null;

  constructor(client: Socket, upstream: Socket, way: Way) {
    [this.#client, this.#upstream, this.#way] = [client, upstream, way];
  }

  get received(): number {
    return 0;
  }

  get isReceiving(): boolean {
    return false;
  }

  get stalledAt(): number | null {
    const stalled = [this.#client, this.#upstream].filter(isStalled);
    if (stalled.length === 0) return null;
    return stalled.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
  }

  giveUp(): void {
    this.#upstream.destroy();
    this.#client.destroy();
  }

  peerOf(end: Socket): Socket {
    return end === this.#client ? this.#upstream : this.#client;
  }

  carry(from: Socket, data: Buffer): void {
    if (this.peerOf(from).write(data)) return;
    from.pause();
    this.#way.slow.watch(this);
  }

  resume(taker: Socket): void {
    this.peerOf(taker).resume();
    if (this.stalledAt === null) this.#way.slow.forget(this);
  }

  /** One end has sent FIN: the other gets it too, and has some time to close. */
  halfClose(end: Socket): void {
    this.peerOf(end).end();
    this.#cancelHalfClosed ??= this.#way.clock.after(HALF_CLOSED_AT_MOST_MS, () => this.#upstream.destroy());
  }

  /** Leaves the gate now: no stop waits for a client to take the last bytes. */
  upstreamClosed(): void {
    this.#cancelHalfClosed?.();
    this.#leave();
    this.#client.destroySoon();
    if (isStalled(this.#client)) this.#way.slow.watch(this);
  }

  clientClosed(): void {
    this.#upstream.destroy();
    this.#way.slow.forget(this);
    this.#leave();
  }

  #leave(): void {
    if (this.#isInside) this.#way.gate.leave(INSIDE);
    this.#isInside = false;
  }
}

/** It has bytes to take before the other end may send more, or before it closes. */
function isStalled({ destroyed, writableNeedDrain, writableEnded, writableLength }: Socket): boolean {
  return !destroyed && (writableNeedDrain || (writableEnded && writableLength > 0));
}

function onData(this: End, data: Buffer): void {
  this[TUNNEL]?.carry(this, data);
}

function onDrain(this: End): void {
  this[TUNNEL]?.resume(this);
}

function onEnd(this: End): void {
  this[TUNNEL]?.halfClose(this);
}

function onError(this: End): void {
  this.destroy();
}

function onUpstreamClose(this: End): void {
  this[TUNNEL]?.upstreamClosed();
}

function onClientClose(this: End): void {
  this[TUNNEL]?.clientClosed();
}
