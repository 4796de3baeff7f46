import { connect, type Socket } from 'node:net';
import { ReplyReader, type ReplyListener } from './reply-reader.ts';

/** Who carries a request to an upstream. */
export type Carrier = ReplyListener & {
  /** The upstream has taken the connection, or will: what follows the head may be sent. */
  connected(): void;
  /** All that has come in so far was told. */
  heard(): void;
  /** The upstream takes more of the body. */
  drained(): void;
  /** It cannot be reached, breaks off or says what is no HTTP. stale: not a byte of a reply has come, on a connection that
   * had served before. */
  failed(why: string, stale: boolean): void;
  /** It has too many connections waiting at this moment; nothing was sent. */
  busy(): void;
};

/** One connection to an upstream, for one request at a time. */
export class UpstreamConnection {
  readonly socket: Socket;
  /** Whether it may serve another request afterwards. */
  readonly isKept: boolean;
  #carrier: Carrier | null = null;
  #reader: ReplyReader | null = null;
  #why = '';
  #served = 0;
  idleSinceMs = 0;

  constructor(path: string, isKept: boolean) {
    this.isKept = isKept;
    this.socket = connect(path);
    this.socket.once('connect', () => this.#carrier?.connected());
    this.socket.on('data', (piece: Buffer) => this.#read(piece));
    this.socket.on('drain', () => this.#carrier?.drained());
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.#why = error.code ?? error.message));
    this.socket.on('close', () => this.#closed());
  }

  get isUsable(): boolean {
    return this.#carrier === null && !this.socket.destroyed && this.socket.readable && this.socket.writable;
  }

  /** head: without its empty last line. */
  carry(head: string, method: string, carrier: Carrier): void {
    this.#carrier = carrier;
    this.#reader = new ReplyReader(method, carrier);
    this.socket.write(this.isKept ? `${head}\r\n` : `${head}Connection: close\r\n\r\n`, 'latin1');
    if (!this.socket.connecting) carrier.connected();
  }

  /** Its request is over, one way or the other. True where it can take another. */
  release(): boolean {
    const isReusable = this.#reader?.isReusable === true;
    this.#carrier = this.#reader = null;
    this.#served += 1;
    return this.isKept && isReusable && this.isUsable;
  }

  /** Nobody wants the reply any more. */
  destroy(): void {
    this.#carrier = this.#reader = null;
    this.socket.destroy();
  }

  #read(piece: Buffer): void {
    const reader = this.#reader;
    // Something that nobody asked for: whose answer would it be?
    if (reader === null || reader.isOver) return this.#break('more than one reply');
    try {
      const carrier = this.#carrier;
      if (reader.read(piece).length > 0) this.#break('more than one reply');
      else carrier?.heard();
    } catch (error) {
      this.#break((error as Error).message);
    }
  }

  #break(why: string): void {
    this.#why = why;
    this.socket.destroy();
    this.#closed();
  }

  #closed(): void {
    const [carrier, reader] = [this.#carrier, this.#reader];
    if (carrier === null || reader === null) return;
    if (this.#why === '' && reader.closed()) return;
    this.#carrier = this.#reader = null;
    if (this.#why === 'EAGAIN') carrier.busy();
    else carrier.failed(this.#why || 'it closed the connection', this.#served > 0 && !reader.hasBegun);
  }
}
