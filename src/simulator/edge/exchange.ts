import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import type { EdgeOptions, RequestTarget } from './target.ts';
import { sendErrorPage, ERROR_CODES, type ErrorCode, routerLine } from './error-codes.ts';
import { DynoRequest, IdleTimer } from './dyno-request.ts';
import {
  cutConnection,
  fieldsForClient,
  fieldsForDyno,
  hasBody,
  type Origin,
  originOf,
  relayBody,
  relayUpgrade,
  type TunnelEnd,
} from './relay.ts';

type ExchangeOptions = Pick<EdgeOptions, 'rules' | 'target' | 'log' | 'emit'> & {
  agent: Agent;
  request: IncomingMessage;
  response: ServerResponse;
  /** Bytes after the head of an upgrade request. null for other requests. */
  upgradeHead: Buffer | null;
  onEnd(): void;
};

/** Dynos tried per request. [D: HTTP Routing] */
const MAX_TRIES = 10;

/** One request at the edge, from its arrival to its log line. The first error wins. */
export class Exchange {
  /** A WebSocket or an event stream. */
  isStream = false;
  readonly #options: ExchangeOptions;
  readonly #arrivedAtMs = performance.now();
  readonly #origin: Origin;
  readonly #timer = new IdleTimer();
  readonly #triedPorts = new Set<number>();
  #phase: 'routing' | 'held' | 'sent' | 'answering' | 'over' = 'routing';
  #code: ErrorCode | null = null;
  #dyno = '';
  #connectedAtMs: number | null = null;
  #status = 0;
  #bytes = 0;
  #dynoRequest: DynoRequest | null = null;
  #endReply: (() => void) | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { request, response } = options;
    this.#origin = originOf(request);
    request.on('error', () => {}); // 'close' of the response follows
    response.on('error', () => {});
    response.once('close', () => this.#end());
  }

  start(): void {
    const { request, upgradeHead } = this.#options;
    const expected = request.headers.expect ?? '100-continue';
    // [D: HTTP Routing, Expect: 100-continue]
    if (!/^100-continue$/i.test(expected)) this.#refuse(417, 'Expectation Failed');
    // Node does not read the body of an upgrade request, and no WebSocket request has one.
    else if (upgradeHead !== null && hasBody(request)) this.#refuse(400, 'Bad Request');
    else this.#route(this.#options.target());
  }

  /** Call this when the dynos have changed. */
  retarget(): void {
    if (this.#phase === 'held') this.#route(this.#options.target());
  }

  #route(target: RequestTarget): void {
    const { rules } = this.#options;
    if (target.kind === 'none') return this.#fail(target.code);
    if (target.kind === 'dyno') return this.#send(target);
    if (this.#phase === 'routing') this.#timer.start(rules.holdMs, () => this.#fail('H20'));
    this.#phase = 'held';
  }

  #send({ dyno, port }: Extract<RequestTarget, { kind: 'dyno' }>): void {
    const { request, agent, rules } = this.#options;
    this.#phase = 'sent';
    this.#dyno = dyno;
    this.#triedPorts.add(port);
    const heard = {
      connected: () => (this.#connectedAtMs = performance.now()),
      unreachable: (code: 'H19' | 'H21') => this.#tryAnother(code),
      failed: (code: ErrorCode) => this.#fail(code),
      replied: (reply: IncomingMessage) => this.#relayReply(reply),
      upgraded: (reply: IncomingMessage, end: TunnelEnd) => this.#relayUpgrade(reply, end),
    };
    try {
      const fields = fieldsForDyno(request, this.#origin);
      this.#dynoRequest = new DynoRequest({ request, fields, port, agent, rules, timer: this.#timer, on: heard });
    } catch {
      this.#refuse(400, 'Bad Request');
    }
  }

  /** "When a connection is refused or times out, the router retries to connect with another dyno." [D: HTTP Routing]
   * Nothing was sent yet. The new target need not be a dyno. */
  #tryAnother(code: 'H19' | 'H21'): void {
    if (this.#phase !== 'sent') return;
    const isNew = (target: RequestTarget): boolean => target.kind !== 'dyno' || !this.#triedPorts.has(target.port);
    // The choice is random, so ask several times.
    const target = Array.from({ length: MAX_TRIES }, () => this.#options.target()).find(isNew);
    if (target === undefined || this.#triedPorts.size >= MAX_TRIES) return this.#fail(code);
    this.#phase = 'routing';
    this.#dyno = '';
    this.#route(target);
  }

  #relayReply(reply: IncomingMessage): void {
    const { response, rules } = this.#options;
    this.#phase = 'answering';
    this.#timer.start(rules.nextByteMs, () => this.#fail('H15'));
    this.#status = reply.statusCode ?? 0;
    this.isStream = /^text\/event-stream\b/i.test(reply.headers['content-type'] ?? '');
    reply.on('error', () => {}); // 'close' follows
    reply.once('close', () => {
      if (!reply.complete) this.#fail('H18');
    });
    reply.once('end', () => this.#timer.stop());
    try {
      response.writeHead(this.#status, reply.statusMessage, fieldsForClient(reply));
    } catch {
      return this.#fail('H17');
    }
    response.flushHeaders();
    reply.on('data', ({ length }: Buffer) => this.#countBytes(length));
    this.#endReply = relayBody(reply, response);
  }

  #relayUpgrade(reply: IncomingMessage, dyno: TunnelEnd): void {
    const { request, rules, upgradeHead } = this.#options;
    if (upgradeHead === null) {
      dyno.socket.destroy();
      return this.#fail('H17'); // the client did not ask for an upgrade
    }
    this.#phase = 'answering';
    this.#status = 101;
    this.isStream = true;
    this.#timer.start(rules.nextByteMs, () => this.#fail('H15'));
    relayUpgrade(reply, { socket: request.socket, head: upgradeHead }, dyno, (bytes) => this.#countBytes(bytes));
  }

  #countBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#timer.refresh();
  }

  #refuse(status: 400 | 417, text: string): void {
    this.#status = status;
    this.#options.response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
  }

  #fail(code: ErrorCode): void {
    if (this.#code !== null || this.#phase === 'over') return;
    const { response, rules } = this.#options;
    this.#code = code;
    this.#dynoRequest?.release();
    const hasBegun = this.#phase === 'answering' && (response.headersSent || this.#status === 101);
    if (!hasBegun && ERROR_CODES[code].status === 503) sendErrorPage(response, code);
    else if (this.#endReply !== null) this.#endReply();
    else cutConnection(response);
    // A client that stops reading is disconnected.
    this.#timer.start(rules.nextByteMs, () => response.socket?.destroy());
  }

  #end(): void {
    if (this.#phase === 'over') return;
    // Clients end a stream by disconnecting. In any other case the client left before the response was complete.
    if (!this.#options.response.writableFinished && !this.isStream) this.#code ??= 'H27';
    this.#phase = 'over';
    this.#timer.stop();
    this.#dynoRequest?.release();
    this.#options.onEnd();
    this.#report();
  }

  #report(): void {
    const { request, log, emit } = this.#options;
    const { method = '', url = '', headers, httpVersion } = request;
    const [connectedAtMs, code] = [this.#connectedAtMs, this.#code];
    log(
      routerLine({
        ...this.#origin,
        ...{ code, method, path: url, host: headers.host ?? '', httpVersion, dyno: this.#dyno, bytes: this.#bytes },
        connectMs: this.#dyno === '' ? null : (connectedAtMs ?? performance.now()) - this.#arrivedAtMs,
        serviceMs: connectedAtMs === null ? null : performance.now() - connectedAtMs,
        status: code === null ? this.#status : ERROR_CODES[code].status,
      }),
    );
    if (code === null || emit === undefined) return;
    const text = `${code} ${ERROR_CODES[code].description}: ${method} ${url}`;
    emit({ kind: 'error-code', label: code, text, dyno: this.#dyno === '' ? null : this.#dyno });
  }
}
