import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Rules } from '../platform/rules.ts';
import type { ErrorCode } from './error-codes.ts';
import { type Fields, hasBody, type TunnelEnd } from './relay.ts';

type DynoRequestOptions = {
  request: IncomingMessage;
  fields: Fields;
  port: number;
  agent: Agent;
  rules: Rules;
  timer: IdleTimer;
  on: {
    connected(): void;
    /** Nothing was sent, so another dyno may get the request. */
    unreachable(code: 'H19' | 'H21'): void;
    failed(code: ErrorCode): void;
    replied(reply: IncomingMessage): void;
    upgraded(reply: IncomingMessage, dyno: TunnelEnd): void;
  };
};

/** One request to a dyno, up to the head of the response. A request is never sent twice, not even if an idle connection
 * was closed at that moment: "this race condition can lead to H18 or H13". [D: HTTP Routing, Keepalives] */
export class DynoRequest {
  readonly #options: DynoRequestOptions;
  readonly #request: ClientRequest;
  #socket: Socket | null = null;
  #readBefore = 0;
  #reply: IncomingMessage | null = null;
  #isFinished = false;

  /** @throws TypeError for a head that Node's client refuses to send. */
  constructor(options: DynoRequestOptions) {
    const { agent, port, fields, request, on } = options;
    const { method = 'GET', url = '/' } = request;
    this.#options = options;
    this.#request = httpRequest({ agent, host: '127.0.0.1', port, method, path: url, headers: fields, setHost: false });
    this.#request.once('socket', (socket) => this.#assigned(socket));
    this.#request.once('response', (reply) => {
      this.#reply = reply;
      on.replied(reply);
    });
    this.#request.once('upgrade', (reply, socket, head) => {
      this.#isFinished = true;
      on.upgraded(reply, { socket, head });
    });
    this.#request.on('error', (error) => this.#failed(error));
    // For example after an unrequested 101, which raises no error.
    this.#request.once('close', () => this.#failed(null));
  }

  /** Releases the connection for other requests if it is still usable. */
  release(): void {
    this.#isFinished = true;
    this.#options.request.unpipe(this.#request).resume();
    if (this.#reply?.complete !== true || !this.#request.writableFinished) this.#request.destroy();
  }

  #assigned(socket: Socket): void {
    const { timer, rules, on } = this.#options;
    this.#socket = socket;
    this.#readBefore = socket.bytesRead;
    if (!socket.connecting) return this.#connected();
    timer.start(rules.connectMs, () => {
      this.release();
      on.unreachable('H19');
    });
    socket.once('connect', () => this.#connected());
  }

  #connected(): void {
    if (this.#isFinished) return;
    const { request, rules, timer, on } = this.#options;
    on.connected();
    // "The countdown begins after the entire request has been sent from the router to the dyno." [D: Request Timeout]
    this.#request.once('finish', () => {
      if (this.#reply === null) timer.start(rules.firstByteMs, () => on.failed('H12'));
    });
    if (!hasBody(request)) return void this.#request.end();
    timer.start(rules.nextByteMs, () => on.failed(this.#request.writableNeedDrain ? 'H12' : 'H28'));
    request.on('data', () => timer.refresh()).pipe(this.#request);
  }

  #failed(error: NodeJS.ErrnoException | null): void {
    if (this.#isFinished || this.#reply !== null) return; // the response reports its own abort
    this.#isFinished = true;
    const { on } = this.#options;
    if (this.#socket === null || this.#socket.connecting || error?.syscall === 'connect') on.unreachable('H21');
    else if (error?.code?.startsWith('HPE_') === true) on.failed('H17');
    else on.failed(this.#socket.bytesRead > this.#readBefore ? 'H18' : 'H13');
  }
}

/** One timeout at a time. */
export class IdleTimer {
  #timer: NodeJS.Timeout | undefined;

  /** Replaces the previous timeout. */
  start(forMs: number, onTimeout: () => void): void {
    this.stop();
    this.#timer = setTimeout(onTimeout, forMs);
  }

  /** Restarts the timeout after activity. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
