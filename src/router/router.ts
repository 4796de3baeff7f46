import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Fact } from '../facts.ts';
import type { Cancel, Clock } from '../host/host.ts';
import type { RouterPlan } from '../plan/spec.ts';
import { answer, answerRaw, ASLEEP } from './answers.ts';
import { Client, Clients } from './clients.ts';
import { Exchange } from './exchange.ts';
import { hearFact } from './hear-fact.ts';
import { BEHIND_AT_MOST, DRAIN_GRACE_MS, HEADERS_AT_MOST, HEADERS_WITHIN_MS, KEEP_ALIVE_MS } from './limits.ts';
import { listen } from './listen.ts';
import { requestHead } from './request-head.ts';
import { isHealthCheck, route } from './route.ts';
import type { RouterOptions } from './router-options.ts';
import { SlowClients } from './slow-clients.ts';
import { isJoined } from './tunnel.ts';
import { Trouble } from './trouble.ts';
import { Upgrade } from './upgrade.ts';
import { wayTo, type Way } from './way.ts';

/** Node's own limits where it has them; a body has no time limit as a whole, see SlowClients. */
const OPTIONS = {
  maxHeaderSize: HEADERS_AT_MOST,
  headersTimeout: HEADERS_WITHIN_MS,
  requestTimeout: 0,
  connectionsCheckingInterval: HEADERS_WITHIN_MS / 2,
  keepAliveTimeout: KEEP_ALIVE_MS,
  noDelay: true,
} as const;

/** One port before puma and streaming. Knows of them what facts say: who is up, who is not. */
export class Router {
  readonly #plan: RouterPlan;
  readonly #server: Server;
  readonly #slow: SlowClients;
  readonly #ways: readonly Way[];
  readonly #puma: Way;
  readonly #clients = new Clients();
  /** With no upstream's part in it. */
  readonly #trouble: Trouble;
  readonly #streaming: Way | null;
  readonly #clock: Clock;
  #cancelDrain: Cancel = () => {};
  /** Resolves when a stop has closed the port and what nobody uses. */
  #draining: Promise<void> = Promise.resolve();
  /** Called when a client was served. */
  #left = (): void => {};

  constructor(options: RouterOptions) {
    const { plan, clock, tell } = options;
    const { mostConnections } = plan;
    this.#plan = plan;
    this.#clock = clock;
    this.#slow = new SlowClients(clock);
    const way = (upstream: RouterPlan['puma']): Way => wayTo(upstream, this.#slow, options, () => this.#left());
    this.#puma = way(plan.puma);
    this.#streaming = plan.streaming === null ? null : way(plan.streaming);
    this.#ways = this.#streaming === null ? [this.#puma] : [this.#puma, this.#streaming];
    this.#server = createServer(OPTIONS, (request, response) => this.#serve(request, response));
    this.#server.maxConnections = mostConnections;
    this.#server.maxHeadersCount = 0; // by Node's default the rest would be left out without a word
    this.#trouble = new Trouble('router', clock, tell);
    this.#server.on('drop', () => this.#trouble.report(`${mostConnections} connections are open, one more was closed`));
    this.#server.on('connection', (socket: Socket) => this.#clients.add(socket));
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response));
    this.#server.on('upgrade', (request, _, early) => this.#upgrade(request, early));
  }

  /** Takes connections from now on. Gives where, such as `[::]:5006`; rejects with the error of the port. */
  async listen(): Promise<string> {
    const at = await listen(this.#server, this.#plan.port, this.#plan.bind);
    // The kernel may be short of files or memory for a moment: that connection is lost, not we.
    this.#server.on('error', ({ message }) => this.#trouble.report(message));
    return at;
  }

  /** What happens to the children. */
  hear(fact: Fact): void {
    if (fact.fact === 'stopping') return this.#drain();
    if (!('child' in fact)) return;
    for (const way of this.#ways) if (way.child === fact.child) hearFact(fact, way.gate);
  }

  /** Ends everything, the upstreams being gone: WebSockets at once, a client that still takes its answer gets this long. */
  async close(atMostMs = 0): Promise<void> {
    if (atMostMs > 0) await this.#draining;
    this.#shut();
    this.#clients.closeAll(isJoined);
    if (atMostMs > 0) await this.#emptied(atMostMs);
    this.#clients.closeAll();
    this.#server.close();
    this.#slow.close();
    for (const { pool } of this.#ways) pool.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const client = Client.of(request.socket);
    if (client.isRefused) return void request.resume();
    if (client.take(response, () => this.#serveNow(request, response, client))) return;
    client.isRefused = true;
    this.#trouble.report(`a client sent more than ${BEHIND_AT_MOST} requests behind one another, and was cut off`);
    request.socket.destroy();
  }

  #serveNow(request: IncomingMessage, response: ServerResponse, client: Client): void {
    const { method = 'GET', url = '/' } = request;
    const way = this.#wayFor(route(method, url, null));
    if (way.onDemand && !way.gate.isOpen && isHealthCheck(method, url)) {
      return void answer(response, ASLEEP, way.isDraining ? this.#clock : null);
    }
    const head = requestHead(request, false);
    if ('status' in head) return void answer(response, { status: head.status, text: `${head.why}\n` }, this.#clock);
    new Exchange(request, response, head, way, client).begin(!way.onDemand || !isHealthCheck(method, url));
  }

  #upgrade(request: IncomingMessage, early: Buffer): void {
    const { method = 'GET', url = '/', headers, socket: client } = request;
    const state = Client.of(client);
    client.on('error', () => client.destroy());
    if (state.isRefused || state.open > 0) {
      state.isRefused = true; // it would overtake what came before
      return void client.once('end', () => client.destroy()).resume();
    }
    const isFor = route(method, url, headers.upgrade ?? '');
    if (isFor !== 'streaming' || this.#streaming === null) return this.#reject(client, 'no upgrade here');
    const head = requestHead(request, true);
    if ('status' in head) return this.#reject(client, head.why);
    if (head.body !== 'none' || headers.host === undefined) return this.#reject(client, 'no upgrade like this');
    state.keep();
    const upgrade = new Upgrade(client, early, head.text, method, this.#streaming);
    this.#streaming.gate.admit(upgrade);
  }

  #reject(client: Socket, why: string): void {
    answerRaw(client, { status: 400, text: `${why}\n` }, this.#clock);
  }

  #wayFor(to: ReturnType<typeof route>): Way {
    return to === 'streaming' && this.#streaming !== null ? this.#streaming : this.#puma;
  }

  #emptied(atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(atMostMs, resolve);
      this.#left = () => {
        if (!this.#ways.every(({ gate }) => gate.isEmpty)) return;
        cancel();
        resolve();
      };
      this.#left();
    });
  }

  /** What is under way gets its answer, and what comes in the first moments too: its sender could not know. Then the port
   * closes, and after some more moments what nobody uses. */
  #drain(): void {
    for (const way of this.#ways) {
      way.isDraining = true;
      way.gate.dismiss();
    }
    this.#slow.hurry();
    this.#draining = new Promise((resolve) => {
      this.#cancelDrain = this.#clock.after(DRAIN_GRACE_MS, () => {
        // Right after the loop has taken in whatever stood in the port's queue, or that would be reset.
        setImmediate(() => closePort(this.#server));
        this.#cancelDrain = this.#clock.after(DRAIN_GRACE_MS, () => resolve(this.#shut()));
      });
    });
  }

  /** No new connections, and none that are of no use. */
  #shut(): void {
    this.#cancelDrain();
    closePort(this.#server);
    // Who opens connections beforehand opens others elsewhere.
    this.#clients.closeAll((socket) => Client.of(socket).isIdle);
    for (const way of this.#ways) {
      way.isDraining = true;
      way.gate.close();
    }
  }
}

/** Without what node:http adds: the end of connections that it takes for idle, whose reply may not be all out. */
function closePort(server: Server): void {
  NetServer.prototype.close.call(server);
}
