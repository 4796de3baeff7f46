import { lookup } from 'node:dns/promises';
import { existsSync, unlinkSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import * as net from 'node:net';

/** Listens like the real servers: on the unix socket SOCKET, else on BIND:PORT. Failures are the server's `error`
 * event. */
export function listen(server: Server, defaultPort: number, onListening: (address: string) => void): void {
  const { SOCKET, BIND, PORT } = process.env;
  server.once('listening', () => onListening(addressOf(server)));
  if (SOCKET) server.listen(SOCKET);
  else server.listen(Number(PORT || defaultPort), BIND || '127.0.0.1');
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix://${String(address)}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** A bound socket on which this process does not accept. Others listen on its file descriptor. */
export type BoundSocket = { fd: number; address: string; close: () => void };

type Handle = { fd: number; close: () => void; getsockname?: (out: { port?: number }) => number };
/** What Node's cluster module binds with. A public server would accept connections itself. */
const { _createServerHandle: bindHandle } = net as unknown as {
  _createServerHandle: (address: string, port: number, addressType: number) => Handle | number;
};

/** Binds the unix socket SOCKET, else BIND:PORT, as puma's master does before it forks.
 * @throws if it is taken */
export async function bindSocket(defaultPort: number): Promise<BoundSocket> {
  const { SOCKET, BIND, PORT } = process.env;
  if (SOCKET) {
    await unlinkStaleSocket(SOCKET);
    return boundSocket(bindHandle(SOCKET, -1, -1), `unix://${SOCKET}`);
  }
  const { address, family } = await lookup(BIND || '127.0.0.1');
  const wanted = Number(PORT || defaultPort);
  const handle = bindHandle(address, wanted, family);
  const name: { port?: number } = {};
  if (typeof handle !== 'number') handle.getsockname?.(name);
  // libuv reports a taken port only at listen. Until then the socket has no port.
  const isTaken = name.port === undefined || name.port === 0;
  return boundSocket(isTaken ? -1 : handle, `tcp://${family === 6 ? `[${address}]` : address}:${name.port ?? wanted}`);
}

function boundSocket(handle: Handle | number, address: string): BoundSocket {
  if (typeof handle === 'number')
    throw new Error(`Address already in use - bind(2) for "${address}" (Errno::EADDRINUSE)`);
  return { fd: handle.fd, address: address.replace(/^tcp/, 'http'), close: () => handle.close() };
}

/** Removes a unix socket without a listener, as puma does before it binds. */
export async function unlinkStaleSocket(path: string): Promise<void> {
  if (existsSync(path) && !(await isListening(path))) unlinkSync(path);
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Path and query of a request. `new URL` cannot be used: it throws at `//`. */
export function parseTarget({ url = '/' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const queryStart = url.indexOf('?');
  if (queryStart < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, queryStart), query: new URLSearchParams(url.slice(queryStart)) };
}
