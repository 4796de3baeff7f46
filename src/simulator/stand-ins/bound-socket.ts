import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import { unlinkStaleSocket } from './stale-socket.ts';

/** A socket that is bound and that nobody here accepts on: others listen on its file descriptor. */
export type BoundSocket = { fd: number; address: string; close: () => void };

type Handle = { fd: number; close: () => void; getsockname?: (out: { port?: number }) => number };
/** What Node's own cluster module binds with: a public server would take the connections for itself. */
const { _createServerHandle: bindHandle } = net as unknown as {
  _createServerHandle: (address: string, port: number, addressType: number) => Handle | number;
};

/** On the unix socket SOCKET, else on BIND:PORT, as the real puma's master does before it forks.
 * @throws where it is taken. */
export async function bindSocket(defaultPort: number): Promise<BoundSocket> {
  const { SOCKET, BIND, PORT } = process.env;
  if (SOCKET) {
    await unlinkStaleSocket(SOCKET);
    return bound(bindHandle(SOCKET, -1, -1), `unix://${SOCKET}`);
  }
  const { address, family } = await lookup(BIND || '127.0.0.1');
  const wanted = Number(PORT || defaultPort);
  const handle = bindHandle(address, wanted, family);
  const name: { port?: number } = {};
  if (typeof handle !== 'number') handle.getsockname?.(name);
  // libuv keeps the error of a taken port until somebody listens; the socket has no port then.
  const isTaken = name.port === undefined || name.port === 0;
  return bound(isTaken ? -1 : handle, `tcp://${family === 6 ? `[${address}]` : address}:${name.port ?? wanted}`);
}

function bound(handle: Handle | number, address: string): BoundSocket {
  if (typeof handle === 'number')
    throw new Error(`Address already in use - bind(2) for "${address}" (Errno::EADDRINUSE)`);
  return { fd: handle.fd, address: address.replace(/^tcp/, 'http'), close: () => handle.close() };
}
