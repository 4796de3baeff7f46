import type { Socket } from 'node:net';

/** What Rails passes over as a proxy of ours: loopback, private and unique local addresses
 * (https://api.rubyonrails.org/classes/ActionDispatch/RemoteIp.html). */
const PRIVATE = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:)/i;

/** The address of who is connected; '' when it is gone. An IPv4 one as such, however it came in. */
export function peerOf(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

export function isPrivate(address: string): boolean {
  return PRIVATE.test(address);
}
