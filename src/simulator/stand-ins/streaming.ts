// A stand-in for Mastodon's streaming server: server-sent events and WebSockets, no drain, exit 0 on TERM and on an
// uncaught exception.
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { MemoryBallast } from './memory-ballast.ts';
import { openControlSocket } from './control.ts';
import { parseTarget, listen } from './http-server.ts';
import { options } from './env-options.ts';
import { openPool, poolSize } from './database.ts';
import { writeLine } from './write-line.ts';
import { Subscriptions, serveWebSockets } from './web-sockets.ts';

const API_PATH = '/api/v1/streaming';
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
