import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { parseRequests, type Message } from './messages.ts';
import { RawConnection } from './raw-client.ts';

/** cleanUp: takes what closes the upstream; at the end of the test by default. */
type UpstreamOptions = { cleanUp?: (close: () => Promise<void>) => void };

/** A server on a unix socket whose connections a test reads and writes byte by byte. */
export class FakeUpstream {
  readonly connections: RawConnection[] = [];
  readonly #server: Server;

  constructor(
    path: string,
    onConnection: (connection: RawConnection) => void = () => undefined,
    { cleanUp = onTestFinished }: UpstreamOptions = {},
  ) {
    this.#server = createServer((socket: Socket) => {
      const connection = new RawConnection(socket);
      this.connections.push(connection);
      onConnection(connection);
    }).listen(path);
    cleanUp(() => this.close());
  }

  /** The connection number `index`, from 0. */
  async awaitConnection(index = 0): Promise<RawConnection> {
    return eventually(() => {
      const connection = this.connections[index];
      if (connection === undefined) throw new Error(`${this.connections.length} connections so far`);
      return connection;
    });
  }

  /** The same, once the head of a request has arrived on it. */
  async awaitRequest(index = 0): Promise<RawConnection> {
    const connection = await this.awaitConnection(index);
    await connection.until('\r\n\r\n');
    return connection;
  }

  /** The requests on all connections, in the order of the connections. Throws for malformed ones. */
  get requests(): Message[] {
    return this.connections.flatMap(({ received }) => parseRequests(received));
  }

  get openConnections(): number {
    return this.connections.filter(({ isClosed }) => !isClosed).length;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { socket } of this.connections) socket.destroy();
    await closed;
  }
}

/** Responds to each complete request at once, and goes on reading whatever it has responded. No real server is as careless. */
export function respondingUpstream(
  path: string,
  respond: (request: Message, connection: RawConnection) => string,
  options?: UpstreamOptions,
): FakeUpstream {
  const onConnection = (connection: RawConnection): void => {
    let responses = 0;
    connection.socket.on('data', () => {
      const complete = parseRequests(connection.received).filter(({ isComplete }) => isComplete !== false);
      for (const request of complete.slice(responses)) connection.send(respond(request, connection));
      responses = complete.length;
    });
  };
  return new FakeUpstream(path, onConnection, options);
}

/** A response with Content-Length. */
export function plainResponse(body: string, status = '200 OK'): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** A node:http server on a unix socket. */
export async function httpUpstream(path: string, listener: RequestListener): Promise<HttpServer> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return server;
}

/** Resolves with the requests of an upstream once it has exactly this many, all complete. */
export async function awaitRequests(upstream: FakeUpstream, count: number): Promise<Message[]> {
  return eventually(() => {
    const { requests } = upstream;
    expect(requests.map(({ isComplete }) => isComplete)).toEqual(Array.from({ length: count }, () => true));
    return requests;
  });
}
