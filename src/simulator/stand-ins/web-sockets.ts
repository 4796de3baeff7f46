import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { askedFor } from './asked-for.ts';
import { knobs } from './knobs.ts';
import type { Subscriptions } from './subscriptions.ts';

/** So that nobody on the way takes a quiet connection for a dead one. */
const PING_EVERY_MS = 30_000;

/** The token that nobody has: an upgrade with it is answered 401. */
const WRONG_TOKEN = 'wrong';

/**
 * Takes upgrades on any path, as the real one does. What a client sends comes back, but for
 * `{"type":"count","from":1,"to":9,"everyMs":5}`: it gets `{"count":1}` and on, one each 5 ms. A client whose subscription was
 * lost receives nothing. Gives what drops them all.
 */
export function takeWebSockets(server: Server, subscriptions: Subscriptions): () => void {
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const token = accessToken(request);
    if (token === WRONG_TOKEN) return refuse(socket);
    sockets.handleUpgrade(request, socket, head, (client) => {
      const subscription = subscriptions.subscribe(token);
      client.once('close', () => subscription.leave());
      talk(client, subscription.isLive);
    });
  });
  const pings = setInterval(() => sockets.clients.forEach((client) => client.ping()), knobs.scaledMs(PING_EVERY_MS));
  pings.unref();
  return () => {
    for (const client of sockets.clients) client.terminate();
  };
}

function accessToken(request: IncomingMessage): string {
  const inQuery = askedFor(request).query.get('access_token');
  return inQuery ?? request.headers['sec-websocket-protocol'] ?? '';
}

function refuse(socket: Duplex): void {
  const body = JSON.stringify({ error: 'Invalid access token' });
  const head = ['HTTP/1.1 401 Unauthorized', 'Connection: close', 'Content-Type: application/json'];
  socket.end(`${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

function talk(client: WebSocket, isLive: boolean): void {
  client.on('error', () => client.terminate());
  client.on('message', (data: RawData, isBinary: boolean) => {
    if (!isLive) return;
    const wish = isBinary ? null : countWish((data as Buffer).toString());
    if (wish === null) client.send(data, { binary: isBinary });
    else count(client, wish);
  });
}

type CountWish = { from: number; to: number; everyMs: number };

function countWish(text: string): CountWish | null {
  if (!text.startsWith('{"type":"count"')) return null;
  const { from = 1, to = Infinity, everyMs = 0 } = JSON.parse(text) as Partial<CountWish>;
  return { from, to, everyMs };
}

function count(client: WebSocket, { from, to, everyMs }: CountWish): void {
  let next = from;
  const beat = setInterval(() => {
    if (next <= to && client.readyState === client.OPEN) client.send(`{"count":${next++}}`);
    else clearInterval(beat);
  }, everyMs);
}
