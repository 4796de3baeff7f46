import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { fieldsForClient } from './heads.ts';

export type End = {
  socket: Socket;
  /** What came behind the head already. */
  head: Buffer;
};

/** Passes bytes both ways after a 101, until either side has closed. `moved` hears of the bytes for the client, 0 for those
 * for the dyno. */
export function tunnel(reply: IncomingMessage, client: End, dyno: End, moved: (bytes: number) => void): void {
  client.socket.write(head101(reply), 'latin1');
  for (const { socket, head } of [client, dyno]) {
    socket.setTimeout(0);
    socket.on('error', () => {}); // Its close follows.
    if (head.length > 0) socket.unshift(head);
  }
  client.socket.once('close', () => dyno.socket.destroy());
  dyno.socket.once('close', () => client.socket.destroySoon());
  client.socket.on('data', () => moved(0)).pipe(dyno.socket);
  dyno.socket.on('data', ({ length }: Buffer) => moved(length)).pipe(client.socket);
}

function head101(reply: IncomingMessage): string {
  const fields = [...fieldsForClient(reply), 'Connection', 'Upgrade', 'Upgrade', reply.headers.upgrade ?? 'websocket'];
  const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1] ?? ''}`] : []));
  return [`HTTP/1.1 101 ${reply.statusMessage ?? ''}`, ...lines, '', ''].join('\r\n');
}
