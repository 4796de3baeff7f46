import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SupervisorEvent } from '../commands.ts';
import type { Cancel, Clock } from '../host.ts';
import type { RouterPlan } from '../plan/spec.ts';
import { STOPPING } from './admission.ts';
import { ClientConnection } from './client-connection.ts';
import { ClientTimeouts } from './client-timeouts.ts';
import { ON_DEMAND_OK, respond, respondToUpgrade } from './error-responses.ts';
import { DRAIN_GRACE_MS, MAX_PIPELINED } from './limits.ts';
import { ProxiedRequest } from './proxied-request.ts';
import { requestHead } from './request-head.ts';
import { isHealthCheck, route } from './route.ts';
import { RouterServer } from './server.ts';
import { throttledWarning, Upstream, type UpstreamOptions } from './upstream.ts';
import { isTunnel } from './websocket-tunnel.ts';
import { WebSocketUpgrade } from './websocket-upgrade.ts';

export type RouterOptions = UpstreamOptions & { plan: RouterPlan };

/** Serves puma and streaming on one port. */
export class Router {
  readonly #plan: RouterPlan;
  readonly #clock: Clock;
  readonly #server: RouterServer;
  readonly #timeouts: ClientTimeouts;
  readonly #puma: Upstream;
  readonly #streaming: Upstream | null;
  readonly #upstreams: readonly Upstream[];
  /** About the router itself. */
  readonly #warn: Upstream['warn'];
  #cancelDrain: Cancel = () => {};
  /** Resolves when a shutdown has closed the port and the idle connections. */
  #drained: Promise<void> = Promise.resolve();
  #onRelease = (): void => {};

  constructor(options: RouterOptions) {
    const { plan, clock, log } = options;
    this.#plan = plan;
    this.#clock = clock;
    this.#timeouts = new ClientTimeouts(clock);
    this.#warn = throttledWarning('router', clock, log);
    const upstream = (of: RouterPlan['puma']): Upstream =>
      new Upstream(of, this.#timeouts, options, () => this.#onRelease());
    this.#puma = upstream(plan.puma);
    this.#streaming = plan.streaming === null ? null : upstream(plan.streaming);
    this.#upstreams = this.#streaming === null ? [this.#puma] : [this.#puma, this.#streaming];
    this.#server = new RouterServer(plan.maxConnections, {
      onRequest: (request, response) => this.#enqueue(request, response),
      onUpgrade: (request, early) => this.#upgrade(request, early),
      onWarning: this.#warn,
    });
  }

  /** Starts to accept connections.
   * @returns the address, such as `[::]:5006`. Rejects with the error of the port. */
  listen(): Promise<string> {
    return this.#server.listen(this.#plan.port, this.#plan.bind);
  }

  onEvent(event: SupervisorEvent): void {
    if (event.type === 'dyno-stopping') this.#drain();
    else for (const upstream of this.#upstreams) upstream.onEvent(event);
  }

  /** Closes everything. WebSockets are closed at once; requests whose response is still being sent get graceMs. */
  async close(graceMs = 0): Promise<void> {
    if (graceMs > 0) await this.#drained;
    this.#stopAccepting();
    this.#server.closeConnections(isTunnel);
    if (graceMs > 0) await this.#untilEmpty(graceMs);
    this.#server.close();
    this.#timeouts.close();
    for (const { pool } of this.#upstreams) pool.close();
  }

  #enqueue(request: IncomingMessage, response: ServerResponse): void {
    const client = ClientConnection.of(request.socket);
    if (client.isClosing) return void request.resume();
    if (client.enqueue(response, () => this.#serve(request, response))) return;
    client.isClosing = true;
    this.#warn(`closed a connection: its client has pipelined more than ${MAX_PIPELINED} requests`);
    request.socket.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/' } = request;
    const clock = this.#clock;
    const head = requestHead(request, false);
    if ('status' in head) {
      return void respond(response, { status: head.status, text: `${head.reason}\n` }, { closes: true, clock });
    }
    const upstream = (route(method, url, null) === 'streaming' ? this.#streaming : null) ?? this.#puma;
    const isUncounted = upstream.plan.onDemand && isHealthCheck(method, url);
    if (isUncounted && !upstream.admission.isOpen) {
      return void respond(response, ON_DEMAND_OK, { closes: upstream.isStopping, clock });
    }
    new ProxiedRequest(request, response, { head, upstream }).start(!isUncounted);
  }

  #upgrade(request: IncomingMessage, early: Buffer): void {
    const { method = 'GET', url = '/', headers, socket } = request;
    const client = ClientConnection.of(socket);
    socket.on('error', () => socket.destroy());
    if (client.isClosing || client.openRequests > 0) {
      client.isClosing = true; // its response would overtake the earlier ones
      return void socket.once('end', () => socket.destroy()).resume();
    }
    const upstream = this.#streaming;
    if (upstream === null || route(method, url, headers.upgrade ?? '') !== 'streaming') {
      return this.#rejectUpgrade(socket, 'there is no WebSocket at this path');
    }
    const head = requestHead(request, true);
    if ('status' in head) return this.#rejectUpgrade(socket, head.reason);
    if (head.body !== 'none' || headers.host === undefined) {
      return this.#rejectUpgrade(socket, 'a WebSocket upgrade needs a Host header and no body');
    }
    client.upgrade();
    upstream.admission.acquire(new WebSocketUpgrade(socket, early, head, upstream));
  }

  #rejectUpgrade(socket: Socket, reason: string): void {
    respondToUpgrade(socket, { status: 400, text: `${reason}\n` }, this.#clock);
  }

  /** Begins a shutdown. Requests in flight are served, and for a moment new ones too: their clients could not know. Then the port
   * closes, and a moment later the idle connections. */
  #drain(): void {
    for (const upstream of this.#upstreams) {
      upstream.isStopping = true;
      upstream.admission.rejectQueued(STOPPING);
    }
    this.#timeouts.shorten();
    this.#drained = new Promise((resolve) => {
      this.#cancelDrain = this.#clock.after(DRAIN_GRACE_MS, () => {
        // After the event loop has accepted what was in the backlog of the port: closing would reset it.
        setImmediate(() => this.#server.stopListening());
        this.#cancelDrain = this.#clock.after(DRAIN_GRACE_MS, () => resolve(this.#stopAccepting()));
      });
    });
  }

  /** Accepts no connection any more, and closes the idle ones: a client that opens connections in advance opens its next ones to
   * another dyno. */
  #stopAccepting(): void {
    this.#cancelDrain();
    this.#server.stopListening();
    this.#server.closeConnections((socket) => ClientConnection.of(socket).isIdle);
    for (const upstream of this.#upstreams) {
      upstream.isStopping = true;
      upstream.admission.close();
    }
  }

  /** Resolves when no request is left, at the latest after this time. */
  #untilEmpty(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimeout = this.#clock.after(maxMs, resolve);
      this.#onRelease = () => {
        if (!this.#upstreams.every(({ admission }) => admission.isEmpty)) return;
        cancelTimeout();
        resolve();
      };
      this.#onRelease();
    });
  }
}
