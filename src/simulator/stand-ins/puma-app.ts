import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { say } from './say.ts';

/** The HTTP side of a puma with Mastodon behind it. */
export function createApp(): Server {
  const server = createServer((request, response) => void answer(server, request, response));
  server.keepAliveTimeout = Number(process.env.PERSISTENT_TIMEOUT || 20) * 1000;
  return server;
}

async function answer(server: Server, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://stand-in');
  response.setHeader('content-type', 'text/plain').once('close', () => {
    if (!server.listening) server.closeIdleConnections();
  });
  if (url.pathname === '/health') return void response.end('OK');
  say(`Started ${String(request.method)} "${url.pathname}"`);
  if (url.pathname === '/slow') await setTimeout(Number(url.searchParams.get('seconds') ?? 1) * 1000);
  else if (request.headers['x-forwarded-proto'] !== 'https') redirect(request, response);
  response.end('This is a stand-in for Mastodon.\n', () => say(`Completed ${response.statusCode} "${url.pathname}"`));
}

/** config.force_ssl: everything but /health wants to have come in by https. */
function redirect(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(301, { location: `https://${request.headers.host ?? 'localhost'}${request.url ?? '/'}` });
}
