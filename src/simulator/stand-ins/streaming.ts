// A stand-in for Mastodon's streaming server: server-sent events and WebSockets, no drain, exit 0 on TERM and on an
// uncaught exception.
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { openPool, poolSize } from './database.ts';
import { options } from './env-options.ts';
import { parseTarget, listen } from './http-server.ts';
import { MemoryBallast, openControlSocket } from './memory.ts';
import { writeLine } from './write-line.ts';

const API_PATH = '/api/v1/streaming';
/** Keeps proxies from closing an idle connection. */
const PING_EVERY_MS = 30_000;

/** An upgrade with this token is answered 401. */
const WRONG_TOKEN = 'wrong';

/** Accepts upgrades on any path, as the real server does. Echoes what a client sends, but answers
 * `{"type":"count","from":1,"to":9,"everyMs":5}` with `{"count":1}` and so on, one every 5 ms. A client whose
 * subscription was lost receives nothing. Returns a function that closes all connections. */
function serveWebSockets(server: Server, subscriptions: Subscriptions): () => void {
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const token = accessToken(request);
    if (token === WRONG_TOKEN) return refuse(socket);
    sockets.handleUpgrade(request, socket, head, (client) => {
      const subscription = subscriptions.subscribe(token);
      client.once('close', () => subscription.leave());
      serveClient(client, subscription.isLive);
    });
  });
  const pings = setInterval(() => sockets.clients.forEach((client) => client.ping()), options.scale(PING_EVERY_MS));
  pings.unref();
  return () => {
    for (const client of sockets.clients) client.terminate();
  };
}

function accessToken(request: IncomingMessage): string {
  const inQuery = parseTarget(request).query.get('access_token');
  return inQuery ?? request.headers['sec-websocket-protocol'] ?? '';
}

function refuse(socket: Duplex): void {
  const body = JSON.stringify({ error: 'Invalid access token' });
  const head = ['HTTP/1.1 401 Unauthorized', 'Connection: close', 'Content-Type: application/json'];
  socket.end(`${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

function serveClient(client: WebSocket, isLive: boolean): void {
  client.on('error', () => client.terminate());
  client.on('message', (data: RawData, isBinary: boolean) => {
    if (!isLive) return;
    const request = isBinary ? null : parseCountRequest((data as Buffer).toString());
    if (request === null) client.send(data, { binary: isBinary });
    else sendCounts(client, request);
  });
}

type CountRequest = { from: number; to: number; everyMs: number };

function parseCountRequest(text: string): CountRequest | null {
  if (!text.startsWith('{"type":"count"')) return null;
  const { from = 1, to = Infinity, everyMs = 0 } = JSON.parse(text) as Partial<CountRequest>;
  return { from, to, everyMs };
}

function sendCounts(client: WebSocket, { from, to, everyMs }: CountRequest): void {
  let next = from;
  const timer = setInterval(() => {
    if (next <= to && client.readyState === client.OPEN) client.send(`{"count":${next++}}`);
    else clearInterval(timer);
  }, everyMs);
}

/** One client's share of the subscription of its account. */
type Subscription = {
  /** Whether Redis delivers messages for the account. */
  isLive: boolean;
  leave(): void;
};

type Channel = { clients: number; isLive: boolean };

/**
 * The Redis subscriptions of the streaming server: one for each account, shared by the clients of that account. The real server
 * answers its health check before its Redis connection is ready. A SUBSCRIBE that it sends before then fails, and is not sent
 * again while the account has a client, so that all clients of the account receive nothing.
 */
class Subscriptions {
  readonly #channels = new Map<string, Channel>();
  #isRedisReady = false;

  /** Call this when the server listens. */
  connect(): void {
    if (options.redisMs === 0) this.#isRedisReady = true;
    else setTimeout(() => (this.#isRedisReady = true), options.redisMs).unref();
  }

  subscribe(account: string): Subscription {
    const channel = this.#channels.get(account) ?? this.#open(account);
    channel.clients += 1;
    return { isLive: channel.isLive, leave: () => this.#leave(account, channel) };
  }

  #open(account: string): Channel {
    const channel = { clients: 0, isLive: this.#isRedisReady };
    if (!channel.isLive)
      writeLine('ERROR: Error subscribing to the timeline of an account (stand-in: Redis is not ready yet)');
    this.#channels.set(account, channel);
    return channel;
  }

  #leave(account: string, channel: Channel): void {
    channel.clients -= 1;
    if (channel.clients === 0) this.#channels.delete(account);
  }
}

const server = createServer(answer);
const subscriptions = new Subscriptions();
const dropWebSockets = serveWebSockets(server, subscriptions);

await new MemoryBallast().allocate(options.streamingBytes, options.bootMs);
// A socket or port in use ends up here: exit code 0, and the stale socket stays.
process.on('uncaughtException', (error) => {
  writeLine(`ERROR: ${error.message}`);
  leave();
});
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, leave);
listen(server, 4000, (address) => {
  if (process.env.SOCKET) chmodSync(process.env.SOCKET, 0o666);
  subscriptions.connect();
  openControlSocket();
  openPool(poolSize(10));
  writeLine(`INFO: Streaming API (stand-in) now listening on ${address}`);
});

function leave(): void {
  server.close();
  server.closeAllConnections();
  dropWebSockets();
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { path } = parseTarget(request);
  if (path === `${API_PATH}/health`) response.end('OK');
  else if (path === '/metrics') response.end('# a stand-in counts nothing\n');
  else if (path === '/crash' || path === `${API_PATH}/crash`) crash();
  else if (path.startsWith(`${API_PATH}/`)) stream(response);
  else response.writeHead(404).end('Not found');
}

/** Sends `:)` at once and `:thump` at intervals, as the real server does to keep the connection open. */
function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'private, no-store' });
  response.write(':)\n');
  const interval = setInterval(() => response.write(':thump\n'), options.scale(15_000));
  response.once('close', () => clearInterval(interval));
}

function crash(): never {
  throw new Error('asked to crash');
}
