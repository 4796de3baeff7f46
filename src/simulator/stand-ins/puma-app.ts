import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { askedFor } from './asked-for.ts';
import { say } from './say.ts';

/** The HTTP side of a puma with Mastodon behind it. */
export function createApp(): Server {
  const server = createServer((request, response) => void answer(server, request, response));
  server.keepAliveTimeout = Number(process.env.PERSISTENT_TIMEOUT || 20) * 1000;
  return server;
}

async function answer(server: Server, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { path, query } = askedFor(request);
  response.setHeader('content-type', 'text/plain').once('close', () => {
    if (!server.listening) server.closeIdleConnections();
  });
  if (path === '/health') return void response.end('OK');
  say(`Started ${String(request.method)} "${path}"`);
  if (path === '/slow') await setTimeout(Number(query.get('seconds') ?? 1) * 1000);
  else if (request.headers['x-forwarded-proto'] !== 'https') redirect(request, response);
  response.end('This is a stand-in for Mastodon.\n', () => say(`Completed ${response.statusCode} "${path}"`));
}

/** config.force_ssl: everything but /health wants to have come in by https. */
function redirect(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(301, { location: `https://${request.headers.host ?? 'localhost'}${request.url ?? '/'}` });
}
