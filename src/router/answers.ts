import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RETRY_AFTER_S } from './limits.ts';

/** What we answer ourselves. */
export type Answer = {
  status: 200 | 400 | 408 | 501 | 502 | 503;
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
} as const;

/** Come back later. */
export function unavailable(why: string): Answer {
  return { status: 503, text: `${why}\n`, headers: { 'Retry-After': `${RETRY_AFTER_S}` } };
}

/** Says it and is done; false where the answer had begun already. closes: the connection is of no more use. */
export function answer(response: ServerResponse, { status, text, headers }: Answer, closes = false): boolean {
  if (response.headersSent) return false;
  if (closes) response.shouldKeepAlive = false;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
  return true;
}

/** The same for a connection that asked for an upgrade: it ends. */
export function answerRaw(socket: Socket, { status, text, headers }: Answer): void {
  const all = {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': `${Buffer.byteLength(text)}`,
    ...headers,
    Connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('')}\r\n${text}`);
  socket.resume(); // what it still sends is read and dropped, so that the answer is not lost in a reset
}
