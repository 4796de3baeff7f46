import { connect, type Socket } from 'node:net';
import { toLines, toPairs, type RawHeaders } from './headers.ts';
import type { RequestHead } from './request-head.ts';
import { ResponseParser, type ResponseHandler } from './response-parser.ts';

export type UpstreamHandler = ResponseHandler & {
  /** The connection is established: the request body may be sent. */
  onConnected(): void;
  /** All bytes received so far have been handled. */
  onFlush(): void;
  /** The upstream takes more of the request body. */
  onDrain(): void;
  onFailed(failure: UpstreamFailure): void;
  /** The accept queue of the upstream is full, and nothing was sent. */
  onBackpressure(): void;
  /** The upstream sent 101: the handler owns the socket. firstBytes: the bytes received after the head. */
  onUpgraded?(server: Socket, firstBytes: Buffer): void;
};
/** isUnreachable: no connection could be made. isStale: a connection that had served before ended before the first byte of a
 * response; the upstream may have closed it before it got the request. */
export type UpstreamFailure = { reason: string; isUnreachable: boolean; isStale: boolean };

/** One connection to an upstream. It carries one request at a time. */
export class UpstreamConnection {
  readonly #socket: Socket;
  /** The upstream is asked to keep the connection for the next request. */
  readonly #isKeptAlive: boolean;
  #handler: UpstreamHandler | null = null;
  #parser: ResponseParser | null = null;
  #isChunkedRequest = false;
  #errorCode = '';
  #failure = '';
  #served = 0;
  idleSinceMs = 0;

  constructor(path: string, isKeptAlive: boolean) {
    this.#isKeptAlive = isKeptAlive;
    this.#socket = connect(path)
      .once('connect', () => this.#handler?.onConnected())
      .on('data', (data: Buffer) => this.#parse(data))
      .on('drain', () => this.#handler?.onDrain())
      .on('error', (error: NodeJS.ErrnoException) => (this.#errorCode = error.code ?? error.message))
      .on('close', () => this.#onClose());
  }

  get isUsable(): boolean {
    return this.#handler === null && !this.#socket.destroyed && this.#socket.readable && this.#socket.writable;
  }

  send(head: RequestHead, method: string, handler: UpstreamHandler): void {
    this.#handler = handler;
    this.#parser = new ResponseParser(method, handler);
    this.#isChunkedRequest = head.body === 'chunked';
    this.#socket.write(this.#isKeptAlive ? `${head.text}\r\n` : `${head.text}Connection: close\r\n\r\n`, 'latin1');
    if (!this.#socket.connecting) handler.onConnected();
  }

  /** False when the upstream takes no more for now: onDrain follows. */
  sendBody(data: Buffer): boolean {
    const socket = this.#socket;
    if (!this.#isChunkedRequest) return socket.write(data);
    socket.cork();
    socket.write(`${data.length.toString(16)}\r\n`, 'latin1');
    socket.write(data);
    const takesMore = socket.write('\r\n', 'latin1');
    socket.uncork();
    return takesMore;
  }

  endBody(trailers: RawHeaders): void {
    if (this.#isChunkedRequest) this.#socket.write(`0\r\n${toLines(toPairs(trailers))}\r\n`, 'latin1');
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the current request.
   * @returns whether the connection can carry another one. */
  release(): boolean {
    const isReusable = this.#parser?.isReusable === true;
    this.#handler = this.#parser = null;
    this.#served += 1;
    return this.#isKeptAlive && isReusable && this.isUsable;
  }

  /** Ends the current request too, without a call of its handler. */
  destroy(): void {
    this.#handler = this.#parser = null;
    this.#socket.destroy();
  }

  #parse(data: Buffer): void {
    const [handler, parser] = [this.#handler, this.#parser];
    // Without a request, or after its response: such bytes could be taken for the response to the next request.
    if (handler === null || parser === null || parser.isComplete) return this.#fail('sent more than one response');
    try {
      const rest = parser.parse(data);
      if (parser.isUpgrade) handler.onUpgraded?.(this.#detach(), rest);
      else if (rest.length > 0) this.#fail('sent more than one response');
      else handler.onFlush();
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  /** Nothing of this object stays behind: a small dyno may have thousands of WebSockets. */
  #detach(): Socket {
    this.#handler = this.#parser = null;
    for (const event of ['data', 'drain', 'error', 'close']) this.#socket.removeAllListeners(event);
    return this.#socket;
  }

  #fail(reason: string): void {
    this.#failure = reason;
    this.#socket.destroy();
    this.#onClose();
  }

  #onClose(): void {
    const [handler, parser] = [this.#handler, this.#parser];
    if (handler === null || parser === null) return;
    const reason = this.#failure === '' ? connectionError(this.#errorCode) : this.#failure;
    if (reason === '' && parser.onClose()) return;
    this.#handler = this.#parser = null;
    if (this.#failure === '' && this.#errorCode === 'EAGAIN') return handler.onBackpressure();
    handler.onFailed({
      reason: reason === '' ? 'closed the connection before its response was complete' : reason,
      isUnreachable: isUnreachable(this.#errorCode),
      isStale: this.#served > 0 && !parser.hasBegun,
    });
  }
}

/** '' without an error. */
function connectionError(code: string): string {
  if (code === '') return '';
  return `${isUnreachable(code) ? 'cannot connect' : 'connection failed'}: ${code}`;
}

function isUnreachable(code: string): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}
