import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../host.ts';
import { ClientConnection } from './client-connection.ts';
import { toLines } from './headers.ts';
import { LINGER_MS, RETRY_AFTER_S } from './limits.ts';

/** A response that the router makes itself. */
export type RouterResponse = {
  status: 200 | 400 | 408 | 417 | 501 | 502 | 503 | 504 | 505;
  text: string;
  headers?: Readonly<Record<string, string>>;
};

const CONTENT_TYPE = { 'Content-Type': 'text/plain; charset=utf-8' };

/** Answers a health check of an on-demand streaming that is not ready, which is no error and starts nothing. */
export const ON_DEMAND_OK: RouterResponse = {
  status: 200,
  text: 'OK',
  headers: { 'X-Mstdn-Supervise': 'streaming starts on demand' },
};

export function serviceUnavailable(reason: string): RouterResponse {
  return { status: 503, text: `${reason}\n`, headers: { 'Retry-After': `${RETRY_AFTER_S}` } };
}

export function badGateway(child: string): RouterResponse {
  return { status: 502, text: `${child} did not respond\n` };
}

/** @returns false where another response has already begun. */
export function respond(
  response: ServerResponse,
  { status, text, headers }: RouterResponse,
  { closes, clock }: { closes: boolean; clock: Clock },
): boolean {
  if (response.headersSent) return false;
  if (closes) closeAfterResponse(response, clock);
  response.writeHead(status, { ...CONTENT_TYPE, 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
  return true;
}

/** Responds on a connection that node:http has given up for an upgrade, and closes it. */
export function respondToUpgrade(socket: Socket, { status, text, headers }: RouterResponse, clock: Clock): void {
  const all = { ...CONTENT_TYPE, 'Content-Length': `${Buffer.byteLength(text)}`, ...headers, Connection: 'close' };
  const reason = STATUS_CODES[status] ?? '';
  lingeringClose(socket, clock, `HTTP/1.1 ${status} ${reason}\r\n${toLines(Object.entries(all))}\r\n${text}`);
}

/** Closes the connection with this response. Requests behind it are not served: their responses could not be delivered. */
export function closeAfterResponse(response: ServerResponse, clock: Clock): void {
  const { socket } = response.req;
  ClientConnection.of(socket).isClosing = true;
  response.shouldKeepAlive = false;
  socket.destroySoon = () => lingeringClose(socket, clock); // node:http calls it after the response
}

/** Sends the last bytes on a connection and closes it; does nothing where that has begun. Lingering: destroying a socket with
 * unread data sends a RST that may overtake the response, so what the client still sends is read and dropped for a while. */
export function lingeringClose(socket: Socket, clock: Clock, bytes: string | Buffer = ''): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end(bytes);
  socket.removeAllListeners('data').resume();
  socket.once(
    'close',
    clock.after(LINGER_MS, () => socket.destroy()),
  );
}
