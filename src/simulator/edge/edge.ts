import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { DynoConnections } from './dyno-connections.ts';
import type { EdgeOptions } from './edge-options.ts';
import { Exchange } from './exchange.ts';
import { listenOnLoopback } from '../listen-on-loopback.ts';

export type Edge = {
  port: number;
  /** `http://localhost:5006` */
  url: string;
  /** Requests without a whole answer yet, held ones too. */
  readonly openRequests: number;
  /** WebSockets and event streams. */
  readonly openStreams: number;
  /** Dynos came up, crashed or went: held requests ask for their target again. */
  changed(): void;
  /** Drops what is open, without a word. */
  close(): Promise<void>;
};

/** Longer than a browser, or a load of ours, keeps an idle connection, so that they never send into one that closes. */
const CLIENT_IDLE_MS = 75_000;
/** Lines of 8 KB each pass the platform's router, "but together can be more than 8KB in total". [D: HTTP Routing] */
const HEAD_MOST_BYTES = 128 * 2 ** 10;

/**
 * The platform's HTTP router before the dynos, on the loopback only. In front and behind stands node:http: httpxy, tried,
 * passes hop-by-hop fields on, merges repeated ones, ends the client's connection after a body in chunks, and does not say
 * in which phase a request failed, which is what the platform's codes are about.
 * @throws Error that names the port which it could not have
 */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  const agent = new DynoConnections(options.rules.keepAliveMs);
  const open = new Set<Exchange>();
  const sockets = new Set<Socket>();
  let isClosing = false;
  const take = (request: IncomingMessage, response: ServerResponse, upgradeHead: Buffer | null = null): void => {
    const exchange = new Exchange({
      ...{ rules: options.rules, target: () => options.target(), agent, request, response, upgradeHead },
      say: (text) => isClosing || options.say(text),
      happen: (happening) => isClosing || options.happen?.(happening),
      over: () => open.delete(exchange),
    });
    open.add(exchange);
    exchange.begin();
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
    changed: () => {
      for (const exchange of open) exchange.changed();
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
  const server = createServer({ maxHeaderSize: HEAD_MOST_BYTES, requestTimeout: 0, keepAliveTimeout: CLIENT_IDLE_MS });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', take);
  server.on('checkExpectation', take);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {}); // Its close follows.
    take(request, answerTo(request), head);
  });
  return server;
}

/** For an upgrade that a dyno answers with anything but a 101; the connection ends after it. */
function answerTo(request: IncomingMessage): ServerResponse {
  const { socket } = request;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  return response;
}
