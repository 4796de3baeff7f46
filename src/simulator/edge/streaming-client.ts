import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { CODE_HEADER } from './error-page.ts';

export type StreamingClient = {
  /** That came so far. */
  readonly messages: number;
  /** Resolves with the reason in words, whoever closed it; never rejects. */
  closed: Promise<string>;
  close(): void;
};

/** The edge holds a client for 75 s at most; one that hears nothing by then hears nothing any more. */
const HANDSHAKE_MOST_MS = 80_000;
/** A close that the other side does not answer. */
const CLOSE_MOST_MS = 1000;

/**
 * Opens a WebSocket as Mastodon's own page does, such as to `http://localhost:5006`.
 * @throws Error that says in words what answered instead
 */
export function openStreamingClient(url: string, path = '/api/v1/streaming?stream=user'): Promise<StreamingClient> {
  const socket = new WebSocket(new URL(path, url.replace(/^http/, 'ws')), { handshakeTimeout: HANDSHAKE_MOST_MS });
  return new Promise((resolve, reject) => {
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(noConnection(error, url))));
    socket.once('unexpected-response', (request, response) => {
      reject(new Error(noWebSocket(response)));
      request.destroy();
    });
    const client = clientOf(socket);
    socket.once('open', () => resolve(client));
  });
}

function clientOf(socket: WebSocket): StreamingClient {
  let messages = 0;
  let isOurs = false;
  socket.on('message', () => (messages += 1));
  return {
    get messages() {
      return messages;
    },
    closed: new Promise((resolve) => {
      socket.once('close', (code) => resolve(isOurs ? 'closed by the client' : closedBy(code)));
    }),
    close: () => {
      isOurs = true;
      socket.close();
      setTimeout(() => socket.terminate(), CLOSE_MOST_MS).unref();
    },
  };
}

function closedBy(code: number): string {
  return code === 1006 ? 'the connection broke off' : `closed by the streaming server with code ${code}`;
}

function noWebSocket({ statusCode = 0, headers }: IncomingMessage): string {
  const code = headers[CODE_HEADER.toLowerCase()];
  if (code !== undefined) return `${statusCode} ${String(code)}: no web dyno took it`;
  if (statusCode < 400 || statusCode === 404)
    return `${statusCode}: nothing streams here; RUN_STREAMING=on-demand would`;
  if (statusCode === 401) return '401: the streaming server wants an access token of a user';
  if (statusCode === 503) return '503: streaming is not there now; its log says why';
  return `${statusCode}: no WebSocket came of it`;
}

function noConnection({ code, message }: NodeJS.ErrnoException, url: string): string {
  if (code === 'ECONNREFUSED') return `nobody listens at ${url}`;
  if (message === 'Opening handshake has timed out') return `no answer within ${HANDSHAKE_MOST_MS / 1000} s`;
  return message;
}
