import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_HEADER_BYTES } from './limits.ts';

/** Limits that Node enforces. ClientTimeouts limits bodies; how long one may take as a whole is not limited. */
const OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: 0,
  connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
  keepAliveTimeout: KEEP_ALIVE_MS,
  noDelay: true,
  requireHostHeader: false, // see onRequest
} as const;
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

export type ServerHandlers = {
  /** Gets invalid requests too (no Host, unknown Expect). If Node responded to them itself, a request pipelined behind one would be
   * served at once, and nothing would tell that its response can no longer be delivered. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** early: bytes that the client has sent behind the request. */
  onUpgrade: (request: IncomingMessage, early: Buffer) => void;
  onWarning: (reason: string) => void;
};

/** The port of the router, and all client connections, WebSockets included. */
export class RouterServer {
  readonly #server: Server;
  readonly #onWarning: (reason: string) => void;
  readonly #sockets = new Set<Socket>();

  constructor(maxConnections: number, { onRequest, onUpgrade, onWarning }: ServerHandlers) {
    this.#onWarning = onWarning;
    this.#server = createServer(OPTIONS, onRequest);
    this.#server.maxConnections = maxConnections;
    this.#server.maxHeadersCount = 0; // unlimited: Node would silently drop the headers beyond its limit
    this.#server.on('drop', () => onWarning(`closed a new connection: all ${maxConnections} connections are in use`));
    const sockets = this.#sockets;
    /** One listener for all sockets. */
    function forget(this: Socket): void {
      sockets.delete(this);
    }
    this.#server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', forget);
    });
    this.#server.on('checkContinue', onRequest);
    this.#server.on('checkExpectation', onRequest);
    this.#server.on('upgrade', (request, _, early) => onUpgrade(request, early));
  }

  /** Starts listening. bind: null for every address, those of IPv6 included where the machine has IPv6.
   * @returns the address, such as `[::]:5006`. Rejects with the error of the system. */
  async listen(port: number, bind: string | null): Promise<string> {
    const address = await this.#listenOn(port, bind);
    // The kernel may lack file descriptors or memory for a moment. That loses one connection only.
    this.#server.on('error', ({ message }) => this.#onWarning(`lost a new connection: ${message}`));
    return address;
  }

  /** Closes the port only. node:http would also close the connections it considers idle, whose last response may not have been
   * sent completely. */
  stopListening(): void {
    NetServer.prototype.close.call(this.#server);
  }

  closeConnections(filter: (socket: Socket) => boolean = () => true): void {
    for (const socket of this.#sockets) if (filter(socket)) socket.destroy();
  }

  /** Closes the port, all connections and Node's timers. */
  close(): void {
    this.closeConnections();
    this.#server.close();
  }

  async #listenOn(port: number, bind: string | null): Promise<string> {
    if (bind !== null) return listenOn(this.#server, port, bind.replace(/^\[(.*)\]$/, '$1'));
    try {
      return await listenOn(this.#server, port, '::');
    } catch (error) {
      if (!NO_IPV6.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return listenOn(this.#server, port, '0.0.0.0');
    }
  }
}

function listenOn(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, () => {
      server.off('error', reject);
      const { address, port: boundPort } = server.address() as AddressInfo;
      resolve(`${address.includes(':') ? `[${address}]` : address}:${boundPort}`);
    });
  });
}
