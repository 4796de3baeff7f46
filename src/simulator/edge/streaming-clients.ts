import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Answer } from '../action.ts';
import { ERROR_CODE_HEADER } from './error-codes.ts';

/** The streaming clients opened by the user. The last one opened closes first. */
export class StreamingClients {
  readonly #changed: () => void;
  #clients: StreamingClient[] = [];

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#clients.length;
  }

  async open(url: string): Promise<Answer> {
    const client = await openStreamingClient(url);
    this.#clients.push(client);
    void client.closed.then(() => {
      this.#clients = this.#clients.filter((other) => other !== client);
      this.#changed();
    });
    return { ok: true, text: `streaming clients: ${this.size}` };
  }

  closeOne(): Answer {
    const client = this.#clients.pop();
    client?.close();
    return client === undefined
      ? { ok: false, text: 'no streaming client is open' }
      : { ok: true, text: `streaming clients: ${this.size}` };
  }

  close(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}

type StreamingClient = {
  /** Messages received so far. */
  readonly messages: number;
  /** Resolves with the reason, whichever side closed. Never rejects. */
  closed: Promise<string>;
  close(): void;
};

/** Longer than the 75 s for which the edge holds a client. */
const HANDSHAKE_TIMEOUT_MS = 80_000;
/** For a close frame that is not answered. */
const CLOSE_TIMEOUT_MS = 1000;

/** Opens a WebSocket as Mastodon's page does.
 * @throws Error that describes the response received instead */
export function openStreamingClient(url: string, path = '/api/v1/streaming?stream=user'): Promise<StreamingClient> {
  const socket = new WebSocket(new URL(path, url.replace(/^http/, 'ws')), { handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
  return new Promise((resolve, reject) => {
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(describeError(error, url))));
    socket.once('unexpected-response', (request, response) => {
      reject(new Error(describeResponse(response)));
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
      socket.once('close', (code) => resolve(isOurs ? 'closed by the client' : describeClose(code)));
    }),
    close: () => {
      isOurs = true;
      socket.close();
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
  };
}

function describeClose(code: number): string {
  return code === 1006 ? 'the connection was lost' : `closed by the streaming server with code ${code}`;
}

function describeResponse({ statusCode = 0, headers }: IncomingMessage): string {
  const code = headers[ERROR_CODE_HEADER.toLowerCase()];
  if (code !== undefined) return `${statusCode} ${String(code)}: no web dyno accepted it`;
  if (statusCode < 400 || statusCode === 404)
    return `${statusCode}: streaming is not running; set RUN_STREAMING=on-demand`;
  if (statusCode === 401) return '401: the streaming server needs an access token';
  if (statusCode === 503) return '503: streaming is unavailable; see its log';
  return `${statusCode}: not a WebSocket response`;
}

function describeError({ code, message }: NodeJS.ErrnoException, url: string): string {
  if (code === 'ECONNREFUSED') return `nothing listens at ${url}`;
  if (message === 'Opening handshake has timed out') return `no answer within ${HANDSHAKE_TIMEOUT_MS / 1000} s`;
  return message;
}
