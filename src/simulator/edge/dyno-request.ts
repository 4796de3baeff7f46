import { request as httpRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Rules } from '../rules.ts';
import type { ErrorCode } from './error-codes.ts';
import { hasBody, type Fields } from './heads.ts';
import type { Patience } from './patience.ts';
import type { End } from './tunnel.ts';

export type DynoRequestOptions = {
  request: IncomingMessage;
  fields: Fields;
  port: number;
  agent: Agent;
  rules: Rules;
  patience: Patience;
  heard: {
    connected(): void;
    /** Nothing was sent: another dyno may have it. */
    unreachable(code: 'H19' | 'H21'): void;
    failed(code: ErrorCode): void;
    replied(reply: IncomingMessage): void;
    upgraded(reply: IncomingMessage, dyno: End): void;
  };
};

/**
 * A request on its way to a dyno, up to the head of the reply. It is never sent twice, not even when an idle connection was
 * closed just then: "this race condition can lead to H18 or H13". [D: HTTP Routing, Keepalives]
 */
export class DynoRequest {
  readonly #options: DynoRequestOptions;
  readonly #sent: ClientRequest;
  #socket: Socket | null = null;
  #readBefore = 0;
  #reply: IncomingMessage | null = null;
  #isOver = false;

  /** @throws TypeError for a head that Node's client does not send. */
  constructor(options: DynoRequestOptions) {
    const { agent, port, fields, request, heard } = options;
    const { method = 'GET', url = '/' } = request;
    this.#options = options;
    this.#sent = httpRequest({ agent, host: '127.0.0.1', port, method, path: url, headers: fields, setHost: false });
    this.#sent.once('socket', (socket) => this.#assigned(socket));
    this.#sent.once('response', (reply) => {
      this.#reply = reply;
      heard.replied(reply);
    });
    this.#sent.once('upgrade', (reply, socket, head) => {
      this.#isOver = true;
      heard.upgraded(reply, { socket, head });
    });
    this.#sent.on('error', (error) => this.#broke(error));
    // Such as after a 101 that nobody asked for, which is no error.
    this.#sent.once('close', () => this.#broke(null));
  }

  /** Leaves a connection that another request can use, where there is one. */
  end(): void {
    this.#isOver = true;
    this.#options.request.unpipe(this.#sent).resume();
    if (this.#reply?.complete !== true || !this.#sent.writableFinished) this.#sent.destroy();
  }

  #assigned(socket: Socket): void {
    const { patience, rules, heard } = this.#options;
    this.#socket = socket;
    this.#readBefore = socket.bytesRead;
    if (!socket.connecting) return this.#connected();
    patience.start(rules.connectMs, () => {
      this.end();
      heard.unreachable('H19');
    });
    socket.once('connect', () => this.#connected());
  }

  #connected(): void {
    if (this.#isOver) return;
    const { request, rules, patience, heard } = this.#options;
    heard.connected();
    // "The countdown begins after the entire request has been sent from the router to the dyno." [D: Request Timeout]
    this.#sent.once('finish', () => {
      if (this.#reply === null) patience.start(rules.firstByteMs, () => heard.failed('H12'));
    });
    if (!hasBody(request)) return void this.#sent.end();
    patience.start(rules.nextByteMs, () => heard.failed(this.#sent.writableNeedDrain ? 'H12' : 'H28'));
    request.on('data', () => patience.touch()).pipe(this.#sent);
  }

  #broke(error: NodeJS.ErrnoException | null): void {
    if (this.#isOver || this.#reply !== null) return; // The reply itself says when it breaks off.
    this.#isOver = true;
    const { heard } = this.#options;
    if (this.#socket === null || this.#socket.connecting || error?.syscall === 'connect') heard.unreachable('H21');
    else if (error?.code?.startsWith('HPE_') === true) heard.failed('H17');
    else heard.failed(this.#socket.bytesRead > this.#readBefore ? 'H18' : 'H13');
  }
}
