import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Cancel } from '../host.ts';
import type { Waiter } from './admission.ts';
import { badGateway, lingeringClose, respondToUpgrade, serviceUnavailable } from './error-responses.ts';
import { toLines, toPairs } from './headers.ts';
import { BACKPRESSURE_RETRY_MS, MAX_EARLY_BYTES, MAX_UPGRADE_BODY_BYTES, UPGRADE_TIMEOUT_MS } from './limits.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-parser.ts';
import { UpstreamConnection, type UpstreamFailure, type UpstreamHandler } from './upstream-connection.ts';
import type { Upstream } from './upstream.ts';
import { openTunnel } from './websocket-tunnel.ts';

/** A client's request to become a WebSocket, until the upstream has accepted or rejected it. What the client sends behind the
 * request is forwarded only after the upstream has accepted (101). After a rejection it could be another request, which would
 * reach the upstream without being routed. */
export class WebSocketUpgrade implements Waiter, UpstreamHandler {
  readonly #client: Socket;
  readonly #head: RequestHead;
  readonly #upstream: Upstream;
  #connection: UpstreamConnection | null = null;
  #response: ResponseHead | null = null;
  #body: Buffer[] = [];
  /** What the client has sent behind its request. */
  #early: Buffer;
  #cancelRetry: Cancel = () => {};
  /** null before the first connection attempt. */
  #cancelTimeout: Cancel | null = null;

  constructor(client: Socket, early: Buffer, head: RequestHead, upstream: Upstream) {
    this.#client = client;
    this.#early = early;
    this.#head = head;
    this.#upstream = upstream;
    client.on('error', destroy).on('data', this.#onClientData).once('end', destroy).once('close', this.#finish);
  }

  onReady(): void {
    this.#cancelTimeout ??= this.#upstream.clock.after(UPGRADE_TIMEOUT_MS, this.#onTimeout);
    this.#connection = new UpstreamConnection(this.#upstream.plan.socket, true);
    this.#connection.send(this.#head, 'GET', this);
  }

  onRejected(reason: string): void {
    this.#client.off('close', this.#finish);
    respondToUpgrade(this.#client, serviceUnavailable(reason), this.#upstream.clock);
  }

  onConnected(): void {}

  onDrain(): void {}

  onFlush(): void {}

  /** Not forwarded: a WebSocket client waits for the final response only. */
  onInformational(): void {}

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

  /** The sockets become a tunnel, and everything of this object can be freed. */
  onUpgraded(server: Socket, firstBytes: Buffer): void {
    const client = this.#client;
    if (this.#response === null) return;
    this.#cancelTimeout?.();
    client.off('error', destroy).off('data', this.#onClientData).off('end', destroy).off('close', this.#finish);
    client.write(`${responseHead(this.#response)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 'latin1');
    if (firstBytes.length > 0) client.write(firstBytes);
    if (this.#early.length > 0) server.write(this.#early);
    openTunnel(client, server, this.#upstream);
  }

  onBackpressure(): void {
    this.#cancelRetry = this.#upstream.clock.after(BACKPRESSURE_RETRY_MS, () => this.onReady());
  }

  onFailed({ reason }: UpstreamFailure): void {
    this.#upstream.warn(reason);
    this.#finish();
    respondToUpgrade(this.#client, badGateway(this.#upstream.plan.child), this.#upstream.clock);
  }

  /** The kernel still accepts connections to a stopped upstream (SIGSTOP), whose requests would then wait for ever. */
  readonly #onTimeout = (): void => {
    const { plan, clock, warn } = this.#upstream;
    warn(`did not respond to a WebSocket upgrade within ${UPGRADE_TIMEOUT_MS / 1000} s`);
    this.#finish();
    respondToUpgrade(this.#client, { status: 504, text: `${plan.child} did not respond in time\n` }, clock);
  };

  /** The client is read, so that its disconnection is noticed, and what it sends is kept up to a limit. */
  readonly #onClientData = (data: Buffer): void => {
    this.#early = Buffer.concat([this.#early, data]);
    if (this.#early.length > MAX_EARLY_BYTES) this.#client.pause();
  };

  /** The upgrade was rejected or given up, or the client has disconnected. */
  readonly #finish = (): void => {
    this.#cancelRetry();
    this.#cancelTimeout?.();
    this.#client.off('data', this.#onClientData).off('end', destroy).off('close', this.#finish);
    this.#connection?.destroy();
    this.#upstream.admission.release(this);
  };
}

function rejectionHead(response: ResponseHead, bodyBytes: number): string {
  const head = responseHead(response, /^(content-length|trailer)$/i);
  return `${head}Content-Length: ${bodyBytes}\r\nConnection: close\r\n\r\n`;
}

function responseHead({ status, reason, headers }: ResponseHead, omitted: RegExp | null = null): string {
  const pairs = toPairs(headers).filter(([name]) => omitted?.test(name) !== true);
  return `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n${toLines(pairs)}`;
}

function destroy(this: Socket): void {
  this.destroy();
}
