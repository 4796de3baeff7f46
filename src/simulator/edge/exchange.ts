import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import type { EdgeOptions, Target } from './edge-options.ts';
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';
import { answerWithErrorPage } from './error-page.ts';
import { DynoRequest } from './dyno-request.ts';
import { fieldsForClient, fieldsForDyno, forwardedForOf, hasBody, requestIdOf } from './heads.ts';
import { Patience } from './patience.ts';
import { cut, passOn } from './reply-buffer.ts';
import { routerLine } from './router-line.ts';
import { tunnel, type End } from './tunnel.ts';

export type ExchangeOptions = Pick<EdgeOptions, 'rules' | 'target' | 'say' | 'happen'> & {
  agent: Agent;
  request: IncomingMessage;
  response: ServerResponse;
  /** What came behind the head of a request for an upgrade; null for any other. */
  upgradeHead: Buffer | null;
  over(): void;
};

/** As many dynos are tried at most for one request. [D: HTTP Routing] */
const MOST_TRIES = 10;

/** One request at the edge, from its arrival to its line in the log. The first thing that goes wrong is what went wrong. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #arrivedAtMs = performance.now();
  readonly #origin: { forwardedFor: string; requestId: string; arrivedAtMs: number };
  readonly #patience = new Patience();
  readonly #tried = new Set<number>();
  #phase: 'routing' | 'held' | 'sent' | 'answering' | 'over' = 'routing';
  #code: ErrorCode | null = null;
  #dyno = '';
  #connectedAtMs: number | null = null;
  #status = 0;
  #bytes = 0;
  #isStream = false;
  #toDyno: DynoRequest | null = null;
  #breakOff: (() => void) | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { request, response } = options;
    this.#origin = {
      forwardedFor: forwardedForOf(request),
      requestId: requestIdOf(request),
      arrivedAtMs: Date.now(),
    };
    request.on('error', () => {}); // The response's close follows.
    response.on('error', () => {});
    response.once('close', () => this.#over());
  }

  /** A WebSocket or an event stream. */
  get isStream(): boolean {
    return this.#isStream;
  }

  begin(): void {
    const { request, upgradeHead } = this.#options;
    const expected = request.headers.expect ?? '100-continue';
    // [D: HTTP Routing, Expect: 100-continue]
    if (!/^100-continue$/i.test(expected)) this.#refuse(417, 'Expectation Failed');
    // Node reads no body of a request for an upgrade, and no WebSocket begins with one.
    else if (upgradeHead !== null && hasBody(request)) this.#refuse(400, 'Bad Request');
    else this.#route(this.#options.target());
  }

  /** Dynos changed. */
  changed(): void {
    if (this.#phase === 'held') this.#route(this.#options.target());
  }

  #route(place: Target): void {
    const { rules } = this.#options;
    if (place.kind === 'none') return this.#fail(place.code);
    if (place.kind === 'dyno') return this.#send(place);
    if (this.#phase === 'routing') this.#patience.start(rules.holdMs, () => this.#fail('H20'));
    this.#phase = 'held';
  }

  #send({ dyno, port }: Extract<Target, { kind: 'dyno' }>): void {
    const { request, agent, rules } = this.#options;
    this.#phase = 'sent';
    this.#dyno = dyno;
    this.#tried.add(port);
    const heard = {
      connected: () => (this.#connectedAtMs = performance.now()),
      unreachable: (code: 'H19' | 'H21') => this.#tryAnother(code),
      failed: (code: ErrorCode) => this.#fail(code),
      replied: (reply: IncomingMessage) => this.#answer(reply),
      upgraded: (reply: IncomingMessage, end: End) => this.#join(reply, end),
    };
    try {
      const fields = fieldsForDyno(request, this.#origin);
      this.#toDyno = new DynoRequest({ request, fields, port, agent, rules, patience: this.#patience, heard });
    } catch {
      this.#refuse(400, 'Bad Request');
    }
  }

  /** "When a connection is refused or times out, the router retries to connect with another dyno." [D: HTTP Routing] Nothing
   * was sent yet; and the target may no longer be a dyno at all. */
  #tryAnother(code: 'H19' | 'H21'): void {
    if (this.#phase !== 'sent') return;
    const isNew = (place: Target): boolean => place.kind !== 'dyno' || !this.#tried.has(place.port);
    // Chosen by chance, so asked more than once.
    const place = Array.from({ length: MOST_TRIES }, () => this.#options.target()).find(isNew);
    if (place === undefined || this.#tried.size >= MOST_TRIES) return this.#fail(code);
    this.#phase = 'routing';
    this.#dyno = '';
    this.#route(place);
  }

  #answer(reply: IncomingMessage): void {
    const { response, rules } = this.#options;
    this.#phase = 'answering';
    this.#patience.start(rules.nextByteMs, () => this.#fail('H15'));
    this.#status = reply.statusCode ?? 0;
    this.#isStream = /^text\/event-stream\b/i.test(reply.headers['content-type'] ?? '');
    reply.on('error', () => {}); // Its close follows.
    reply.once('close', () => {
      if (!reply.complete) this.#fail('H18');
    });
    reply.once('end', () => this.#patience.stop());
    try {
      response.writeHead(this.#status, reply.statusMessage, fieldsForClient(reply));
    } catch {
      return this.#fail('H17');
    }
    response.flushHeaders();
    reply.on('data', ({ length }: Buffer) => this.#moved(length));
    this.#breakOff = passOn(reply, response);
  }

  #join(reply: IncomingMessage, dyno: End): void {
    const { request, rules, upgradeHead } = this.#options;
    if (upgradeHead === null) {
      dyno.socket.destroy();
      return this.#fail('H17'); // Nobody asked for it.
    }
    this.#phase = 'answering';
    this.#status = 101;
    this.#isStream = true;
    this.#patience.start(rules.nextByteMs, () => this.#fail('H15'));
    tunnel(reply, { socket: request.socket, head: upgradeHead }, dyno, (bytes) => this.#moved(bytes));
  }

  #moved(bytes: number): void {
    this.#bytes += bytes;
    this.#patience.touch();
  }

  #refuse(status: 400 | 417, text: string): void {
    this.#status = status;
    this.#options.response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
  }

  #fail(code: ErrorCode): void {
    if (this.#code !== null || this.#phase === 'over') return;
    const { response, rules } = this.#options;
    this.#code = code;
    this.#toDyno?.end();
    const hasBegun = this.#phase === 'answering' && (response.headersSent || this.#status === 101);
    if (!hasBegun && ERROR_CODES[code].status === 503) answerWithErrorPage(response, code);
    else if (this.#breakOff !== null) this.#breakOff();
    else cut(response);
    // A client that takes nothing of it is not waited for.
    this.#patience.start(rules.nextByteMs, () => response.socket?.destroy());
  }

  #over(): void {
    if (this.#phase === 'over') return;
    // Whoever reads a stream ends it by leaving; anybody else left before the answer was whole.
    if (!this.#options.response.writableFinished && !this.#isStream) this.#code ??= 'H27';
    this.#phase = 'over';
    this.#patience.stop();
    this.#toDyno?.end();
    this.#options.over();
    this.#tell();
  }

  #tell(): void {
    const { request, say, happen } = this.#options;
    const { method = '', url = '', headers, httpVersion } = request;
    const connectedAtMs = this.#connectedAtMs;
    const code = this.#code;
    say(
      routerLine({
        ...{ code, method, path: url, host: headers.host ?? '', httpVersion, dyno: this.#dyno, bytes: this.#bytes },
        ...{ requestId: this.#origin.requestId, forwardedFor: this.#origin.forwardedFor },
        connectMs: this.#dyno === '' ? null : (connectedAtMs ?? performance.now()) - this.#arrivedAtMs,
        serviceMs: connectedAtMs === null ? null : performance.now() - connectedAtMs,
        status: code === null ? this.#status : ERROR_CODES[code].status,
      }),
    );
    if (code === null || happen === undefined) return;
    const text = `${code} ${ERROR_CODES[code].description}: ${method} ${url}`;
    happen({ kind: 'error-code', mark: code, text, dyno: this.#dyno === '' ? null : this.#dyno });
  }
}
