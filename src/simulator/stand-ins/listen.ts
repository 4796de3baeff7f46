import type { Server } from 'node:http';

/** Listens as the real ones do: on the unix socket SOCKET, else on BIND:PORT. A failure is the server's `error` event. */
export function listen(server: Server, defaultPort: number, listening: (address: string) => void): void {
  const { SOCKET, BIND, PORT } = process.env;
  server.once('listening', () => listening(addressOf(server)));
  if (SOCKET) server.listen(SOCKET);
  else server.listen(Number(PORT || defaultPort), BIND || '127.0.0.1');
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix://${String(address)}`;
  return address.family === 'IPv6'
    ? `http://[${address.address}]:${address.port}`
    : `http://${address.address}:${address.port}`;
}
