// Behaves as a puma in single mode with Mastodon behind it: drains on TERM, then ends by that signal.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { dieBy } from './die-by.ts';
import { knobs } from './knobs.ts';
import { listen } from './listen.ts';
import { say } from './say.ts';
import { unlinkStaleSocket } from './stale-socket.ts';

const server = createServer((request, response) => void answer(request, response));
server.keepAliveTimeout = Number(process.env.PERSISTENT_TIMEOUT || 20) * 1000;

boot();
// A signal that comes before this line ends it at once, as it ends a ruby that still loads the app.
await setTimeout(knobs.bootMs);
if (process.env.SOCKET) await unlinkStaleSocket(process.env.SOCKET);
listen(server, 3000, (address) => {
  process.title = `puma 8.0.0 (${address}) [stand-in]`;
  process.on('SIGTERM', () => drain(() => dieBy('SIGTERM')));
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => drain(goodbye));
  process.on('SIGUSR1', () => {
    say('* phased-restart called but not available, restarting normally.');
    restart(address);
  });
  process.on('SIGUSR2', () => restart(address));
  say(`* Listening on ${address}\nUse Ctrl-C to stop`);
});

function boot(): void {
  say('Puma starting in single mode...\n* Puma version: 8.0.0 (stand-in)');
  say(`*  Max threads: ${process.env.MAX_THREADS || '5'}\n*          PID: ${process.pid}`);
}

/** Only the first of several calls decides how it ends: a second TERM is harmless. */
function drain(ended: () => void): void {
  say('- Gracefully stopping, waiting for requests to finish');
  if (server.listening) server.close(ended);
}

function goodbye(): void {
  say(`=== puma shutdown: ${new Date().toISOString()} ===\n- Goodbye!`);
}

/** The real one executes itself anew with the same pid and the same listening socket. */
function restart(address: string): void {
  say('* Restarting...');
  boot();
  say(`* Inherited ${address}\nUse Ctrl-C to stop`);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
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
