import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../harness/eventually.ts';

/** One end of a connection, byte by byte: what it got, as latin1, and what it is told to send. Ends with its test. */
export class Wire {
  readonly socket: Socket;
  received = '';
  /** The other end said that it sends no more. */
  hasEnded = false;
  isClosed = false;
  /** Why it closed, where that was not in order: `ECONNRESET`. */
  error: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => (this.received += piece.toString('latin1')));
    socket.once('end', () => (this.hasEnded = true));
    socket.once('close', () => (this.isClosed = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Resolves once that has come in; rejects when the connection closes without. */
  async until(what: RegExp | string): Promise<string> {
    await eventually(() => {
      if (typeof what === 'string' ? this.received.includes(what) : what.test(this.received)) return;
      throw new Missed(`no ${String(what)} in ${JSON.stringify(this.received.slice(-2000))}`, this.isClosed);
    });
    return this.received;
  }

  /** Resolves with all that came, once the connection is closed at both ends. */
  async closed(): Promise<string> {
    await eventually(() => expect(this.isClosed, `still open after ${this.received.slice(-500)}`).toBe(true));
    return this.received;
  }

  /** Closes with a reset where the kernel lets us. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

class Missed extends Error {
  constructor(message: string, isFinal: boolean) {
    super(message);
    if (isFinal) Object.assign(this, { final: true });
  }
}

/** A connection of ours. Answers the end of the other side with its own, but for allowHalfOpen. */
export function wireTo(where: NetConnectOpts): Wire {
  const socket = connect(where);
  onTestFinished(() => void socket.destroy());
  return new Wire(socket);
}
