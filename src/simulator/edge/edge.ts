import { Agent, createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listenOnLoopback } from '../platform/loopback.ts';
import { Exchange } from './exchange.ts';
import type { EdgeOptions } from './target.ts';

export type Edge = {
  port: number;
  /** `http://localhost:5006` */
  url: string;
  /** Unfinished requests, including held ones. */
  readonly openRequests: number;
  /** WebSockets and event streams. */
  readonly openStreams: number;
  /** The dynos changed: held requests ask for their target again. */
  retarget(): void;
  /** Closes all connections without a response. */
  close(): Promise<void>;
};

/** Longer than a browser, or our load, keeps an idle connection, so that neither sends into a closing one. */
const CLIENT_IDLE_MS = 75_000;
/** The platform's router accepts lines of 8 KB, "but together can be more than 8KB in total". [D: HTTP Routing] */
const MAX_HEAD_BYTES = 128 * 2 ** 10;

/** The platform's HTTP router, on the loopback only. It uses node:http on both sides. httpxy was tried: it forwards
 * hop-by-hop fields, merges repeated fields, closes the client connection after a chunked body, and does not report the
 * phase of a failure, which the platform's codes depend on.
 * @throws Error that names the port if it is taken */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  const agent = new DynoConnections(options.rules.keepAliveMs);
  const open = new Set<Exchange>();
  const sockets = new Set<Socket>();
  let isClosing = false;
  const take = (request: IncomingMessage, response: ServerResponse, upgradeHead: Buffer | null = null): void => {
    const exchange = new Exchange({
      ...{ rules: options.rules, target: () => options.target(), agent, request, response, upgradeHead },
      log: (text) => isClosing || options.log(text),
      emit: (event) => isClosing || options.emit?.(event),
      onEnd: () => open.delete(exchange),
    });
    open.add(exchange);
    exchange.start();
  };
  const { servers, port } = await listenOnLoopback(options.port, () => frontServer(take, sockets));
  return {
    port,
    url: `http://localhost:${port}`,
    get openRequests() {
      return [...open].filter(({ isStream }) => !isStream).length;
    },
    get openStreams() {
      return [...open].filter(({ isStream }) => isStream).length;
    },
    retarget: () => {
      for (const exchange of open) exchange.retarget();
    },
    close: async () => {
      isClosing = true;
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await Promise.all(closed);
    },
  };
}

function frontServer(
  take: (request: IncomingMessage, response: ServerResponse, upgradeHead?: Buffer) => void,
  sockets: Set<Socket>,
): Server {
  const server = createServer({ maxHeaderSize: MAX_HEAD_BYTES, requestTimeout: 0, keepAliveTimeout: CLIENT_IDLE_MS });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', take);
  server.on('checkExpectation', take);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {}); // 'close' follows
    take(request, responseForUpgrade(request), head);
  });
  return server;
}

/** The response to an upgrade that a dyno answers with anything but 101. The connection closes after it. */
function responseForUpgrade(request: IncomingMessage): ServerResponse {
  const { socket } = request;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  return response;
}

/** Connections to the dynos. Idle ones are kept for the platform's time, whatever the server's `Keep-Alive` says: a
 * server that closes earlier gets H13 and H18. [D: HTTP Routing, Keepalives] */
class DynoConnections extends Agent {
  readonly #idleMs: number;

  constructor(idleMs: number) {
    super({ keepAlive: true, timeout: idleMs, maxFreeSockets: 256 });
    this.#idleMs = idleMs;
  }

  override keepSocketAlive(socket: Duplex & { setTimeout?(ms: number): void }): boolean {
    socket.setTimeout?.(this.#idleMs);
    return true;
  }
}
