import { STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Cancel } from '../host.ts';
import type { Waiter } from './admission.ts';
import { badGateway, lingeringClose, respondToUpgrade, serviceUnavailable } from './error-responses.ts';
import { toLines, toPairs } from './headers.ts';
import { BACKPRESSURE_RETRY_MS, MAX_EARLY_BYTES, MAX_UPGRADE_BODY_BYTES, UPGRADE_TIMEOUT_MS } from './limits.ts';
import { ResponseParser, type ResponseHandler, type ResponseHead } from './response-parser.ts';
import { CLOSED_EARLY, connectionError } from './upstream-connection.ts';
import type { Upstream } from './upstream.ts';
import { openTunnel } from './websocket-tunnel.ts';

/** A client's request to become a WebSocket, until the upstream has accepted or rejected it. What the client sends behind the
 * request is forwarded only after the upstream has accepted (101). After a rejection it could be another request, which would
 * reach the upstream without being routed. */
export class WebSocketUpgrade implements Waiter, ResponseHandler {
  readonly #client: Socket;
  readonly #headText: string;
  readonly #upstream: Upstream;
  readonly #parser: ResponseParser;
  #server: Socket | null = null;
  #response: ResponseHead | null = null;
  /** The body of a rejection. */
  #body: Buffer[] = [];
  /** What the client has sent behind its request. */
  #early: Buffer;
  #errorCode = '';
  #failure = '';
  #cancelRetry: Cancel = () => {};
  /** null before the first connection attempt. */
  #cancelTimeout: Cancel | null = null;
  /** Accepted, rejected or given up. */
  #isDone = false;

  /** headText: the request head without its final empty line. */
  constructor(client: Socket, early: Buffer, headText: string, method: string, upstream: Upstream) {
    this.#client = client;
    this.#early = early;
    this.#headText = headText;
    this.#upstream = upstream;
    this.#parser = new ResponseParser(method, this);
    client.on('error', destroy).on('data', this.#onClientData).once('end', destroy).once('close', this.#onClientClose);
  }

  onReady(): void {
    this.#cancelTimeout ??= this.#upstream.clock.after(UPGRADE_TIMEOUT_MS, this.#onTimeout);
    this.#server = connect(this.#upstream.socketPath)
      .on('error', this.#onServerError)
      .on('data', this.#onServerData)
      .once('close', this.#onServerClose);
    this.#server.write(`${this.#headText}\r\n`, 'latin1');
  }

  onRejected(reason: string): void {
    this.#isDone = true;
    respondToUpgrade(this.#client, serviceUnavailable(reason), this.#upstream.clock);
  }

  onInformational(): void {
    // Not forwarded: a WebSocket client waits for the final response only.
  }

  onHeaders(head: ResponseHead): void {
    this.#response = head;
  }

  onBody(data: Buffer): void {
    this.#body.push(data);
    if (this.#body.reduce((sum, { length }) => sum + length, 0) > MAX_UPGRADE_BODY_BYTES) {
      throw new Error(`rejected a WebSocket upgrade with more than ${MAX_UPGRADE_BODY_BYTES / 1024} KiB`);
    }
  }

  /** The response is complete. If it is a rejection, the client gets it. */
  onEnd(data: Buffer | null): void {
    if (this.#response === null || this.#response.status === 101) return;
    const body = Buffer.concat(data === null ? this.#body : [...this.#body, data]);
    const head = Buffer.from(rejectionHead(this.#response, body.length), 'latin1');
    this.#finish();
    lingeringClose(this.#client, this.#upstream.clock, Buffer.concat([head, body]));
  }

  readonly #onServerData = (data: Buffer): void => {
    try {
      const rest = this.#parser.parse(data);
      if (this.#response?.status === 101) this.#accept(this.#response, rest);
    } catch (error) {
      this.#failure = (error as Error).message;
      this.#server?.destroy();
    }
  };

  /** The sockets become a tunnel, and everything of this object can be freed. firstBytes: what the upstream sent behind its 101. */
  #accept(response: ResponseHead, firstBytes: Buffer): void {
    const [client, server] = [this.#client, this.#server];
    if (server === null || this.#isDone) return;
    this.#isDone = true;
    this.#cancelTimeout?.();
    client.off('error', destroy).off('data', this.#onClientData).off('end', destroy).off('close', this.#onClientClose);
    server.off('error', this.#onServerError).off('data', this.#onServerData).off('close', this.#onServerClose);
    client.write(`${responseHead(response)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 'latin1');
    if (firstBytes.length > 0) client.write(firstBytes);
    if (this.#early.length > 0) server.write(this.#early);
    openTunnel(client, server, this.#upstream);
  }

  /** The client is read, so that its disconnection is noticed, and what it sends is kept up to a limit. */
  readonly #onClientData = (data: Buffer): void => {
    this.#early = Buffer.concat([this.#early, data]);
    if (this.#early.length > MAX_EARLY_BYTES) this.#client.pause();
  };

  readonly #onServerError = (error: NodeJS.ErrnoException): void => {
    this.#errorCode = error.code ?? error.message;
    this.#server?.destroy();
  };

  /** May be the end of a rejection. */
  readonly #onServerClose = (): void => {
    if (this.#isDone) return;
    if (this.#failure === '' && this.#errorCode === 'EAGAIN') return this.#retry();
    const reason = this.#failure === '' ? connectionError(this.#errorCode) : this.#failure;
    if (reason === '' && this.#parser.onClose()) return;
    this.#upstream.warning.warn(reason === '' ? CLOSED_EARLY : reason);
    this.#finish();
    respondToUpgrade(this.#client, badGateway(this.#upstream.child), this.#upstream.clock);
  };

  /** The accept queue of the upstream is full. */
  #retry(): void {
    this.#errorCode = '';
    this.#cancelRetry = this.#upstream.clock.after(BACKPRESSURE_RETRY_MS, () => this.onReady());
  }

  /** The kernel still accepts connections to a stopped upstream (SIGSTOP), whose requests would then wait for ever. */
  readonly #onTimeout = (): void => {
    const { child, clock, warning } = this.#upstream;
    warning.warn(`did not respond to a WebSocket upgrade within ${UPGRADE_TIMEOUT_MS / 1000} s`);
    this.#finish();
    respondToUpgrade(this.#client, { status: 504, text: `${child} did not respond in time\n` }, clock);
  };

  readonly #onClientClose = (): void => {
    if (!this.#isDone) this.#finish();
  };

  #finish(): void {
    this.#isDone = true;
    this.#cancelRetry();
    this.#cancelTimeout?.();
    this.#client.off('data', this.#onClientData).off('end', destroy);
    this.#server?.destroy();
    this.#upstream.admission.release(this);
  }
}

function rejectionHead(response: ResponseHead, bodyBytes: number): string {
  const head = responseHead(response, /^(content-length|trailer)$/i);
  return `${head}Content-Length: ${bodyBytes}\r\nConnection: close\r\n\r\n`;
}

/** Without the final empty line. */
function responseHead({ status, reason, headers }: ResponseHead, omitted: RegExp | null = null): string {
  const pairs = toPairs(headers).filter(([name]) => omitted?.test(name) !== true);
  return `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n${toLines(pairs)}`;
}

function destroy(this: Socket): void {
  this.destroy();
}
