import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../host/host.ts';
import { Client } from './clients.ts';
import { LINGER_MS, RETRY_AFTER_S } from './limits.ts';

/** What we answer ourselves. */
export type Answer = {
  status: 200 | 400 | 408 | 501 | 502 | 503 | 504 | 505;
  text: string;
  headers?: Readonly<Record<string, string>>;
};

const REASONS = {
  200: 'OK',
  400: 'Bad Request',
  408: 'Request Timeout',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
} as const;
const TYPE = { 'Content-Type': 'text/plain; charset=utf-8' };

/** Nobody is woken for a monitor's sake. */
export const ASLEEP: Answer = {
  status: 200,
  text: 'OK',
  headers: { 'X-Mstdn-Supervise': 'streaming is asleep' },
};

/** Come back later. */
export function unavailable(why: string): Answer {
  return { status: 503, text: `${why}\n`, headers: { 'Retry-After': `${RETRY_AFTER_S}` } };
}

/** Says it and is done; false where the answer had begun already. closing: the connection is of no more use. */
export function answer(
  response: ServerResponse,
  { status, text, headers }: Answer,
  closing: Clock | null = null,
): boolean {
  if (response.headersSent) return false;
  if (closing !== null) closeAfter(response, closing);
  response.writeHead(status, { ...TYPE, 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
  return true;
}

/** The same for a connection that asked for an upgrade: it ends. */
export function answerRaw(socket: Socket, { status, text, headers }: Answer, clock: Clock): void {
  const all = { ...TYPE, 'Content-Length': `${Buffer.byteLength(text)}`, ...headers, Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  hangUp(socket, clock, `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('')}\r\n${text}`);
}

/** The connection closes with this response, and no other request on it is served: nobody could hear the reply. Node would destroy
 * it then, and what has not been read becomes a reset, which may overtake the response. */
export function closeAfter(response: ServerResponse, clock: Clock): void {
  const { socket } = response.req;
  Client.of(socket).isRefused = true;
  response.shouldKeepAlive = false;
  socket.destroySoon = () => hangUp(socket, clock);
}

/** The last words on a connection; nothing where it has had them. What the client still sends is read and dropped for a while, so
 * that they are not lost in a reset. */
export function hangUp(socket: Socket, clock: Clock, bytes: string | Buffer = ''): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end(bytes);
  socket.removeAllListeners('data').resume();
  socket.once(
    'close',
    clock.after(LINGER_MS, () => socket.destroy()),
  );
}
