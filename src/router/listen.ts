import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';

const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/** Binds; null is every address, of IPv6 too where there is one. Gives where, such as `[::]:5006`; rejects with what the
 * system says. */
export async function listen(server: Server, port: number, bind: string | null): Promise<string> {
  if (bind !== null) return listenOn(server, port, bind.replace(/^\[(.*)\]$/, '$1'));
  try {
    return await listenOn(server, port, '::');
  } catch (error) {
    if (!NO_IPV6.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return listenOn(server, port, '0.0.0.0');
  }
}

function listenOn(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, () => {
      server.off('error', reject);
      const { address, port: bound } = server.address() as AddressInfo;
      resolve(`${address.includes(':') ? `[${address}]` : address}:${bound}`);
    });
  });
}
