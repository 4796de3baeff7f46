import { STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import { answerRaw, unavailable } from './answers.ts';
import { pairs } from './body.ts';
import type { Visitor } from './gate.ts';
import { REFUSAL_AT_MOST } from './limits.ts';
import type { ReplyHead } from './reply-head.ts';
import { ReplyReader, type ReplyListener } from './reply-reader.ts';
import { join } from './tunnel.ts';
import type { Way } from './way.ts';

/** A client that asked to become a WebSocket, until the upstream has said yes or no. Only after a yes (101) do its bytes go
 * on: after a no they could be another request, past the routes. */
export class Upgrade implements Visitor, ReplyListener {
  readonly #client: Socket;
  /** What came after the client's head already. */
  readonly #early: Buffer;
  readonly #text: string;
  readonly #way: Way;
  readonly #reader: ReplyReader;
  #upstream: Socket | null = null;
  #reply: ReplyHead | null = null;
  #body: Buffer[] = [];
  #isOver = false;

  constructor(client: Socket, early: Buffer, text: string, method: string, way: Way) {
    [this.#client, this.#early, this.#text, this.#way] = [client, early, text, way];
    this.#reader = new ReplyReader(method, this);
    client.pause();
    client.on('error', destroy).once('close', this.#left);
  }

  enter(): void {
    const upstream = connect(this.#way.socket);
    this.#upstream = upstream;
    upstream.on('error', this.#trouble).on('data', this.#read).once('close', this.#closed);
    upstream.write(`${this.#text}\r\n`, 'latin1');
  }

  refuse(why: string): void {
    this.#client.off('close', this.#left);
    answerRaw(this.#client, unavailable(why));
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
    this.#client.end(Buffer.concat([Buffer.from(refusal(this.#reply, body.length), 'latin1'), body]));
    this.#client.resume();
    this.#upstream?.destroy();
  }

  readonly #read = (piece: Buffer): void => {
    try {
      const rest = this.#reader.read(piece);
      if (this.#reply?.status === 101) this.#become(this.#reply, rest);
    } catch (error) {
      this.#trouble(error as Error);
    }
  };

  /** From here on both ends are joined, and nothing is kept but that. */
  #become(reply: ReplyHead, first: Buffer): void {
    const [client, upstream] = [this.#client, this.#upstream];
    if (upstream === null || this.#isOver) return;
    this.#isOver = true;
    client.off('error', destroy).off('close', this.#left);
    upstream.off('error', this.#trouble).off('data', this.#read).off('close', this.#closed);
    client.write(`${head(reply)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 'latin1');
    if (first.length > 0) client.write(first);
    if (this.#early.length > 0) upstream.write(this.#early);
    join(client, upstream, this.#way.gate);
  }

  readonly #trouble = (error: NodeJS.ErrnoException): void => {
    const why = error.code ?? error.message;
    this.#say(why);
    this.#upstream?.destroy();
  };

  /** The upstream closed before it had answered. */
  readonly #closed = (): void => this.#say('it closed the connection');

  #say(why: string): void {
    if (this.#isOver || this.#reader.isOver) return;
    this.#isOver = true;
    this.#way.trouble.report(why);
    answerRaw(this.#client, { status: 502, text: `${this.#way.child} does not answer\n` });
  }

  /** The client went, whether it had its answer or not. */
  readonly #left = (): void => {
    this.#isOver = true;
    this.#upstream?.destroy();
    this.#way.gate.leave(this);
  };
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
