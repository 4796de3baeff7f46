// Behaves as Mastodon's streaming server: server-sent events and WebSockets, no drain, exit 0 on TERM and on an uncaught
// exception.
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Ballast } from './ballast.ts';
import { takeCommands } from './control.ts';
import { askedFor } from './asked-for.ts';
import { knobs } from './knobs.ts';
import { listen } from './listen.ts';
import { openPool, poolSize } from './pool.ts';
import { say } from './say.ts';
import { Subscriptions } from './subscriptions.ts';
import { takeWebSockets } from './web-sockets.ts';

const api = '/api/v1/streaming';
const server = createServer(answer);
const subscriptions = new Subscriptions();
const dropWebSockets = takeWebSockets(server, subscriptions);

await new Ballast().take(knobs.streamingBytes, knobs.bootMs);
// A socket or port in use is no special case: it ends here, with exit code 0, and the stale socket stays.
process.on('uncaughtException', (error) => {
  say(`ERROR: ${error.message}`);
  leave();
});
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, leave);
listen(server, 4000, (address) => {
  if (process.env.SOCKET) chmodSync(process.env.SOCKET, 0o666);
  subscriptions.connect();
  takeCommands();
  openPool(poolSize(10));
  say(`INFO: Streaming API (stand-in) now listening on ${address}`);
});

function leave(): void {
  server.close();
  server.closeAllConnections();
  dropWebSockets();
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { path } = askedFor(request);
  if (path === `${api}/health`) response.end('OK');
  else if (path === '/metrics') response.end('# a stand-in counts nothing\n');
  else if (path === '/crash' || path === `${api}/crash`) crash();
  else if (path.startsWith(`${api}/`)) stream(response);
  else response.writeHead(404).end('Not found');
}

/** `:)` at once, `:thump` now and then, as the real one does to hold the connection open. */
function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'private, no-store' });
  response.write(':)\n');
  const thump = setInterval(() => response.write(':thump\n'), knobs.scaledMs(15_000));
  response.once('close', () => clearInterval(thump));
}

function crash(): never {
  throw new Error('asked to crash');
}
