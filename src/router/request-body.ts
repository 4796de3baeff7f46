import type { IncomingMessage } from 'node:http';
import { lastChunk, send } from './body.ts';
import type { RequestHead } from './request-head.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** The body of a request on its way: as fast as the upstream takes it. */
export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #kind: RequestHead['body'];
  #isUnderWay = false;
  /** All of it has gone to the upstream. */
  isSent: boolean;
  /** Bytes so far. */
  received = 0;

  constructor(request: IncomingMessage, kind: RequestHead['body']) {
    this.#request = request;
    this.#kind = kind;
    this.isSent = kind === 'none';
  }

  /** It waits for the client, not for the upstream. */
  get isReceiving(): boolean {
    return this.#isUnderWay && !this.isSent && !this.#request.isPaused();
  }

  /** to: where it goes at the moment; what comes for nobody is dropped. True the first time. */
  start(to: () => UpstreamConnection | null): boolean {
    if (this.isSent || this.#isUnderWay) return false;
    this.#isUnderWay = true;
    const isChunked = this.#kind === 'chunked';
    this.#request.on('data', (data: Buffer) => {
      this.received += data.length;
      const connection = to();
      if (connection !== null && !send(connection, data, isChunked)) this.#request.pause();
    });
    this.#request.once('end', () => {
      if (isChunked) to()?.socket.write(lastChunk(this.#request.rawTrailers), 'latin1');
      this.isSent = true;
    });
    return true;
  }

  resume(): void {
    this.#request.resume();
  }
}
