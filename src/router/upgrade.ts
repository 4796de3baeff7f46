import { STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Cancel } from '../host/host.ts';
import { answerRaw, hangUp, unavailable } from './answers.ts';
import { pairs } from './body.ts';
import type { Visitor } from './gate.ts';
import { BUSY_RETRY_MS, EARLY_AT_MOST, REFUSAL_AT_MOST, UPGRADE_AT_MOST_MS } from './limits.ts';
import type { ReplyHead } from './reply-head.ts';
import { ReplyReader, type ReplyListener } from './reply-reader.ts';
import { join } from './tunnel.ts';
import type { Way } from './way.ts';

/** A client that asked to become a WebSocket, until the upstream has said yes or no. Only after a yes (101) do its bytes go
 * on: after a no they could be another request, past the routes. */
export class Upgrade implements Visitor, ReplyListener {
  readonly #client: Socket;
  readonly #text: string;
  readonly #way: Way;
  readonly #reader: ReplyReader;
  #upstream: Socket | null = null;
  #reply: ReplyHead | null = null;
  #body: Buffer[] = [];
  /** What the client has sent behind its request. */
  #early: Buffer;
  #why = '';
  #cancelRetry: Cancel = () => {};
  /** null: no connection was tried yet. */
  #cancelLimit: Cancel | null = null;
  /** Nothing is waited for any more. */
  #isOver = false;

  constructor(client: Socket, early: Buffer, text: string, method: string, way: Way) {
    [this.#client, this.#early, this.#text, this.#way] = [client, early, text, way];
    this.#reader = new ReplyReader(method, this);
    client.on('error', destroy).on('data', this.#hold).once('end', destroy).once('close', this.#left);
  }

  enter(): void {
    this.#cancelLimit ??= this.#way.clock.after(UPGRADE_AT_MOST_MS, this.#tooLate);
    const upstream = connect(this.#way.socket);
    this.#upstream = upstream;
    upstream.on('error', this.#failed).on('data', this.#read).once('close', this.#closed);
    upstream.write(`${this.#text}\r\n`, 'latin1');
  }

  refuse(why: string): void {
    this.#isOver = true;
    answerRaw(this.#client, unavailable(why), this.#way.clock);
  }

  informed(): void {
    // nothing that a WebSocket would wait for
  }

  begun(head: ReplyHead): void {
    this.#reply = head;
  }

  body(data: Buffer): void {
    this.#body.push(data);
    if (this.#body.reduce((sum, { length }) => sum + length, 0) > REFUSAL_AT_MOST) throw new Error('a long refusal');
  }

  /** A no, or the head of a yes. */
  ended(data: Buffer | null): void {
    if (this.#reply === null || this.#reply.status === 101) return;
    const body = Buffer.concat(data === null ? this.#body : [...this.#body, data]);
    const said = Buffer.concat([Buffer.from(refusal(this.#reply, body.length), 'latin1'), body]);
    this.#leave();
    hangUp(this.#client, this.#way.clock, said);
  }

  readonly #read = (piece: Buffer): void => {
    try {
      const rest = this.#reader.read(piece);
      if (this.#reply?.status === 101) this.#become(this.#reply, rest);
    } catch (error) {
      this.#failed(error as Error);
    }
  };

  /** From here on both ends are joined, and nothing is kept but that. */
  #become(reply: ReplyHead, first: Buffer): void {
    const [client, upstream] = [this.#client, this.#upstream];
    if (upstream === null || this.#isOver) return;
    this.#isOver = true;
    this.#cancelLimit?.();
    client.off('error', destroy).off('data', this.#hold).off('end', destroy).off('close', this.#left);
    upstream.off('error', this.#failed).off('data', this.#read).off('close', this.#closed);
    client.write(`${head(reply)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 'latin1');
    if (first.length > 0) client.write(first);
    if (this.#early.length > 0) upstream.write(this.#early);
    join(client, upstream, this.#way);
  }

  /** Read, so that we hear of it when the client leaves; and kept, not too much of it. */
  readonly #hold = (data: Buffer): void => {
    this.#early = Buffer.concat([this.#early, data]);
    if (this.#early.length > EARLY_AT_MOST) this.#client.pause();
  };

  readonly #failed = (error: NodeJS.ErrnoException): void => {
    this.#why = error.code ?? error.message;
    this.#upstream?.destroy();
  };

  /** The upstream closed: that may be the end of a no. */
  readonly #closed = (): void => {
    if (this.#why === 'EAGAIN' && !this.#isOver) return this.#retry();
    if (this.#isOver || (this.#why === '' && this.#reader.closed())) return;
    this.#way.trouble.report(this.#why || 'it closed the connection');
    this.#leave();
    answerRaw(this.#client, { status: 502, text: `${this.#way.child} does not answer\n` }, this.#way.clock);
  };

  #retry(): void {
    this.#why = '';
    this.#cancelRetry = this.#way.clock.after(BUSY_RETRY_MS, () => this.enter());
  }

  /** A stopped upstream (SIGSTOP) still accepts connections, and its requests wait without an end. */
  readonly #tooLate = (): void => {
    this.#way.trouble.report(`no answer to an upgrade in ${UPGRADE_AT_MOST_MS / 1000} s`);
    this.#leave();
    answerRaw(this.#client, { status: 504, text: `${this.#way.child} does not answer in time\n` }, this.#way.clock);
  };

  /** The client went, whether it had its answer or not. */
  readonly #left = (): void => {
    if (!this.#isOver) this.#leave();
  };

  #leave(): void {
    this.#isOver = true;
    this.#cancelRetry();
    this.#cancelLimit?.();
    this.#client.off('data', this.#hold).off('end', destroy);
    this.#upstream?.destroy();
    this.#way.gate.leave(this);
  }
}

function refusal(reply: ReplyHead, length: number): string {
  return `${head(reply, /^(content-length|trailer)$/i)}Content-Length: ${length}\r\nConnection: close\r\n\r\n`;
}

/** Status line and headers, without the last line. */
function head({ status, reason, headers }: ReplyHead, but: RegExp | null = null): string {
  const lines = pairs(headers).filter(([name]) => but?.test(name) !== true);
  const said = reason === '' ? (STATUS_CODES[status] ?? '') : reason;
  return `HTTP/1.1 ${status} ${said}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;
}

function destroy(this: Socket): void {
  this.destroy();
}
