import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cancel } from '../host.ts';
import { STOPPING, type Waiter } from './admission.ts';
import { ClientConnection } from './client-connection.ts';
import { ClientResponse } from './client-response.ts';
import type { ClientTransfer } from './client-timeouts.ts';
import { badGateway, lingeringClose, ON_DEMAND_OK, serviceUnavailable } from './error-responses.ts';
import type { RawHeaders } from './headers.ts';
import { BACKPRESSURE_RETRY_MS, QUEUE_TIMEOUT_MS } from './limits.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-parser.ts';
import type { UpstreamConnection, UpstreamFailure, UpstreamHandler } from './upstream-connection.ts';
import type { Upstream } from './upstream.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** One request of a client: waits for its upstream, is sent to it, and gets its response. */
export class ProxiedRequest implements Waiter, UpstreamHandler, ClientTransfer {
  readonly #request: IncomingMessage;
  readonly #response: ClientResponse;
  readonly #head: RequestHead;
  readonly #upstream: Upstream;
  readonly #client: ClientConnection;
  #connection: UpstreamConnection | null = null;
  /** The request is queued or admitted, and has to be released. */
  #isCounted = false;
  #isBodyStarted = false;
  #isBodySent: boolean;
  received = 0;
  #retries = 0;
  #cancelRetry: Cancel = () => {};

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { head, upstream }: { head: RequestHead; upstream: Upstream },
  ) {
    this.#request = request;
    this.#response = new ClientResponse(response, upstream.clock);
    this.#head = head;
    this.#upstream = upstream;
    this.#client = ClientConnection.of(request.socket);
    this.#isBodySent = head.body === 'none';
    response.once('close', this.#onClose);
  }

  get isReceiving(): boolean {
    return this.#connection !== null && this.#isBodyStarted && !this.#isBodySent && !this.#request.isPaused();
  }

  get stalledAt(): number | null {
    return this.#response.stalledAt;
  }

  /** isCounted: the request keeps an on-demand upstream running, and waits until it is ready. */
  start(isCounted: boolean): void {
    this.#isCounted = isCounted;
    if (isCounted) this.#upstream.admission.acquire(this);
    else this.onReady();
  }

  onReady(): void {
    this.#send(false);
  }

  onRejected(reason: string): void {
    this.#isCounted = false;
    this.#response.respond(serviceUnavailable(reason), this.#closes(!this.#request.complete));
  }

  onConnected(): void {
    if (this.#isBodySent || this.#isBodyStarted) return;
    this.#isBodyStarted = true;
    this.#request.on('data', (data: Buffer) => {
      this.received += data.length;
      if (this.#connection?.sendBody(data) === false) this.#request.pause();
    });
    this.#request.once('end', () => {
      this.#connection?.endBody(this.#request.rawTrailers);
      this.#isBodySent = true;
    });
    this.#upstream.timeouts.watch(this);
  }

  onDrain(): void {
    this.#request.resume();
  }

  onInformational(head: ResponseHead): void {
    this.#response.writeInformational(head);
  }

  onHeaders(head: ResponseHead): void {
    if (head.status === 101) throw new Error('sent 101 to a request that is not an upgrade');
    this.#response.writeHead(head, this.#closes(!this.#isBodySent));
  }

  onBody(data: Buffer): void {
    const connection = this.#connection;
    if (this.#response.write(data) || connection === null) return;
    connection.pause();
    this.#response.onceDrained(() => {
      if (this.#connection === connection) connection.resume();
    });
    this.#upstream.timeouts.watch(this);
  }

  onFlush(): void {
    this.#response.flush();
  }

  onEnd(data: Buffer | null, trailers: RawHeaders): void {
    if (!this.#isBodySent) {
      this.#connection?.destroy();
      this.#request.resume(); // the rest of the upload is read and dropped: unread data would reset the connection
    }
    this.#giveBackConnection();
    this.#response.end(data, trailers);
  }

  onBackpressure(): void {
    this.#giveBackConnection();
    this.#retries += 1;
    if (this.#retries * BACKPRESSURE_RETRY_MS > QUEUE_TIMEOUT_MS) {
      const reason = `accepted no connection within ${QUEUE_TIMEOUT_MS / 1000} s`;
      return this.onFailed({ reason, isUnreachable: false, isStale: false });
    }
    this.#cancelRetry = this.#upstream.clock.after(BACKPRESSURE_RETRY_MS, () => this.#send(true));
  }

  onFailed({ reason, isUnreachable, isStale }: UpstreamFailure): void {
    const { admission, plan, isStopping, warn } = this.#upstream;
    this.#giveBackConnection();
    if (isStale && this.#isRepeatable()) return this.#send(true);
    // A health check that was sent just before an idle streaming was stopped.
    if (!this.#isCounted && !admission.isOpen && this.#response.respond(ON_DEMAND_OK, false)) return;
    if (isStopping && isUnreachable) return void this.#response.respond(serviceUnavailable(STOPPING), true);
    warn(reason);
    if (!this.#response.respond(badGateway(plan.child), this.#closes(!this.#isBodySent))) this.#response.abort();
  }

  timeOut(): void {
    const text = 'the request body did not arrive in time\n';
    if (!this.#response.respond({ status: 408, text }, true)) this.#response.reset();
  }

  /** Whether the connection closes with the response: because it must, or because the dyno stops. */
  #closes(mustClose: boolean): boolean {
    return mustClose || (this.#upstream.isStopping && this.#client.openRequests === 1);
  }

  #send(onFreshConnection: boolean): void {
    this.#connection = this.#upstream.pool.take(onFreshConnection);
    this.#connection.send(this.#head, this.#request.method ?? 'GET', this);
  }

  #isRepeatable(): boolean {
    return this.#head.body === 'none' && SAFE_METHODS.has(this.#request.method ?? '');
  }

  #giveBackConnection(): void {
    if (this.#connection === null) return;
    this.#connection.resume();
    this.#upstream.pool.giveBack(this.#connection);
    this.#connection = null;
  }

  /** The response has gone out, or the client has disconnected. */
  readonly #onClose = (): void => {
    this.#connection?.destroy();
    this.#giveBackConnection();
    this.#upstream.timeouts.unwatch(this);
    this.#cancelRetry();
    if (this.#client.openRequests === 0) this.#closeClient();
    if (this.#isCounted) this.#upstream.admission.release(this);
  };

  /** Closes the idle connection if it is to close. A request that the client may have sent by then is not forwarded. */
  #closeClient(): void {
    if (!this.#client.isClosing && !this.#upstream.admission.isClosed) return;
    this.#client.isClosing = true;
    lingeringClose(this.#request.socket, this.#upstream.clock);
  }
}
