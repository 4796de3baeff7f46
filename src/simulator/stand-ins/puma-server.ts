import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { openPool, poolSize } from './database.ts';
import { options } from './env-options.ts';
import { parseTarget, listen, unlinkStaleSocket } from './http-server.ts';
import { MemoryBallast, openControlSocket } from './memory.ts';
import { killSelf, writeLine } from './write-line.ts';

/** The HTTP server of a puma with Mastodon behind it. */
export function createAppServer(): Server {
  const server = createServer((request, response) => void answer(server, request, response));
  server.keepAliveTimeout = Number(process.env.PERSISTENT_TIMEOUT || 20) * 1000;
  return server;
}

async function answer(server: Server, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { path, query } = parseTarget(request);
  response.setHeader('content-type', 'text/plain').once('close', () => {
    if (!server.listening) server.closeIdleConnections();
  });
  if (path === '/health') return void response.end('OK');
  writeLine(`Started ${String(request.method)} "${path}"`);
  if (path === '/slow') await setTimeout(Number(query.get('seconds') ?? 1) * 1000);
  else if (request.headers['x-forwarded-proto'] !== 'https') redirect(request, response);
  response.end('This is a stand-in for Mastodon.\n', () => writeLine(`Completed ${response.statusCode} "${path}"`));
}

/** config.force_ssl: redirects every path but /health to https. */
function redirect(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(301, { location: `https://${request.headers.host ?? 'localhost'}${request.url ?? '/'}` });
}

/** Runs puma in single mode. */
export async function runSingle(threads: number): Promise<void> {
  const server = createAppServer();
  printHeader('single', threads);
  // Until here a signal ends the process at once, as it ends a ruby that is still loading the app.
  await new MemoryBallast().allocate(options.pumaBytes, options.bootMs);
  if (process.env.SOCKET) await unlinkStaleSocket(process.env.SOCKET);
  /** The first call decides how the process ends. A second TERM is harmless. */
  const drain = (onEnd: () => void): void => {
    writeLine('- Gracefully stopping, waiting for requests to finish');
    if (server.listening) server.close(onEnd);
  };
  listen(server, 3000, (address) => {
    process.title = `puma 8.0.0 (${address}) [stand-in]`;
    const closeControlSocket = openControlSocket();
    openPool(poolSize(threads));
    process.on('SIGTERM', () => drain(() => (closeControlSocket(), killSelf('SIGTERM'))));
    for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => drain(printGoodbye));
    onRestartSignal(() => printRestart('single', address, threads));
    writeLine(`* Listening on ${address}\nUse Ctrl-C to stop`);
  });
}

export function onRestartSignal(restart: () => void): void {
  process.on('SIGUSR1', () => {
    writeLine('* phased-restart called but not available, restarting normally.');
    restart();
  });
  process.on('SIGUSR2', restart);
}

type Mode = 'single' | 'cluster';

/** The real puma re-executes itself with the same pid and listening socket. */
export function printRestart(mode: Mode, address: string, threads: number, workers = 0): void {
  writeLine('* Restarting...');
  printHeader(mode, threads, workers);
  writeLine(`* Inherited ${address}\nUse Ctrl-C to stop`);
}

export function printHeader(mode: Mode, threads: number, workers = 0): void {
  writeLine(`Puma starting in ${mode} mode...\n* Puma version: 8.0.0 (stand-in)`);
  writeLine(`*  Max threads: ${threads}\n*   ${mode === 'single' ? '       PID' : 'Master PID'}: ${process.pid}`);
  if (mode === 'cluster') writeLine(`*      Workers: ${workers}\n* Preloading application`);
}

export function printGoodbye(): void {
  writeLine(`=== puma shutdown: ${new Date().toISOString()} ===\n- Goodbye!`);
}
