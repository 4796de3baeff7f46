import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { fieldsForClient } from './header-fields.ts';

/** "The router maintains a 1 MB buffer for responses from the dyno". Up to this size a slow client does not block the
 * dyno, "even if the dyno closes the connection". [D: HTTP Routing] */
const BUFFER_BYTES = 2 ** 20;

/** Relays a body. Returns a function that cuts the response off after the bytes received so far. */
export function relayBody(reply: IncomingMessage, response: ServerResponse): () => void {
  const buffer = new PassThrough({ readableHighWaterMark: BUFFER_BYTES });
  let isWhole = true;
  buffer.once('end', () => {
    if (isWhole) response.end();
    else cutConnection(response);
  });
  reply.pipe(buffer).pipe(response, { end: false });
  return () => {
    isWhole = false;
    reply.unpipe(buffer);
    buffer.end();
  };
}

/** Closes the connection without a proper end, so that the client notices the missing rest. */
export function cutConnection(response: ServerResponse): void {
  if (response.socket === null) response.destroy();
  else response.socket.destroySoon();
}

export type TunnelEnd = {
  socket: Socket;
  /** Bytes received after the head. */
  head: Buffer;
};

/** Relays bytes both ways after a 101, until either side closes. `moved` is called with the number of bytes for the
 * client, and with 0 for bytes to the dyno. */
export function relayUpgrade(
  reply: IncomingMessage,
  client: TunnelEnd,
  dyno: TunnelEnd,
  onBytes: (bytes: number) => void,
): void {
  client.socket.write(upgradeHead(reply), 'latin1');
  for (const { socket, head } of [client, dyno]) {
    socket.setTimeout(0);
    socket.on('error', () => {}); // 'close' follows
    if (head.length > 0) socket.unshift(head);
  }
  client.socket.once('close', () => dyno.socket.destroy());
  dyno.socket.once('close', () => client.socket.destroySoon());
  client.socket.on('data', () => onBytes(0)).pipe(dyno.socket);
  dyno.socket.on('data', ({ length }: Buffer) => onBytes(length)).pipe(client.socket);
}

function upgradeHead(reply: IncomingMessage): string {
  const fields = [...fieldsForClient(reply), 'Connection', 'Upgrade', 'Upgrade', reply.headers.upgrade ?? 'websocket'];
  const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1] ?? ''}`] : []));
  return [`HTTP/1.1 101 ${reply.statusMessage ?? ''}`, ...lines, '', ''].join('\r\n');
}
