import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../harness/eventually.ts';

/** One end of a connection, byte by byte. Text stands for bytes in latin1. */
export class RawConnection {
  readonly socket: Socket;
  received = '';
  /** The other end has sent FIN. */
  hasEnded = false;
  isClosed = false;
  /** Why the connection failed: `ECONNRESET`. */
  error: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => (this.received += data.toString('latin1')));
    socket.once('end', () => (this.hasEnded = true));
    socket.once('close', () => (this.isClosed = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Resolves once this has been received. Rejects when the connection closes without it. */
  async until(expected: RegExp | string): Promise<string> {
    await eventually(() => {
      if (typeof expected === 'string' ? this.received.includes(expected) : expected.test(this.received)) return;
      const error = new Error(`no ${String(expected)} in ${JSON.stringify(this.received.slice(-2000))}`);
      throw this.isClosed ? Object.assign(error, { isFinal: true }) : error;
    });
    return this.received;
  }

  /** Resolves with everything received, once both ends have closed. */
  async closed(): Promise<string> {
    await eventually(() => expect(this.isClosed, `still open after ${this.received.slice(-500)}`).toBe(true));
    return this.received;
  }

  /** Closes with a reset where the kernel permits it. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** A client connection, closed at the end of its test. It answers a FIN with its own, unless allowHalfOpen is set. */
export function rawClient(address: NetConnectOpts): RawConnection {
  const socket = connect(address);
  onTestFinished(() => void socket.destroy());
  return new RawConnection(socket);
}
