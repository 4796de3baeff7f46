import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { readRequests, type Message } from './messages.ts';
import { Wire } from './wire.ts';

/** A server on a unix socket of whose connections a test has every byte in hand. Ends with its test. */
export class Upstream {
  readonly wires: Wire[] = [];
  readonly #server: Server;

  /** greet: what is done with each connection as it comes in. */
  constructor(path: string, greet: (wire: Wire) => void = () => undefined, backlog = 511) {
    this.#server = createServer((socket: Socket) => {
      const wire = new Wire(socket);
      this.wires.push(wire);
      greet(wire);
    }).listen({ path, backlog });
    onTestFinished(() => this.close());
  }

  /** The connection that came in as number `index`, from 0. */
  async wire(index = 0): Promise<Wire> {
    return eventually(() => {
      const wire = this.wires[index];
      if (wire === undefined) throw new Error(`${this.wires.length} connections so far`);
      return wire;
    });
  }

  /** The same, once the head of a request has come in on it. */
  async asked(index = 0): Promise<Wire> {
    const wire = await this.wire(index);
    await wire.until('\r\n\r\n');
    return wire;
  }

  /** Every request that came in, on all connections, in the order of these. Throws for what is malformed. */
  get requests(): Message[] {
    return this.wires.flatMap(({ received }) => readRequests(received));
  }

  get open(): number {
    return this.wires.filter(({ isClosed }) => !isClosed).length;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { socket } of this.wires) socket.destroy();
    await closed;
  }
}

/** One that answers each whole request at once, and goes on reading whatever it has answered: the least careful there is. */
export function answering(path: string, answer: (request: Message, wire: Wire) => string, backlog?: number): Upstream {
  const greet = (wire: Wire): void => {
    let answered = 0;
    wire.socket.on('data', () => {
      const whole = readRequests(wire.received).filter(({ isComplete }) => isComplete !== false);
      for (const request of whole.slice(answered)) wire.send(answer(request, wire));
      answered = whole.length;
    });
  };
  return new Upstream(path, greet, backlog);
}

/** `Content-Length` and that body. */
export function plain(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Node's own server on a unix socket. */
export async function httpUpstream(path: string, listener: RequestListener): Promise<HttpServer> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return server;
}

/** Resolves with the requests once the upstream has that many whole ones, and no other. */
export async function requestsOf(upstream: Upstream, count: number): Promise<Message[]> {
  return eventually(() => {
    const { requests } = upstream;
    expect(requests.map(({ isComplete }) => isComplete)).toEqual(Array.from({ length: count }, () => true));
    return requests;
  });
}
