import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';

/** "The router maintains a 1 MB buffer for responses from the dyno": so long a slow client costs the dyno nothing, "even if
 * the dyno closes the connection". [D: HTTP Routing] */
const BUFFER_BYTES = 2 ** 20;

/** Passes a body on. Gives what breaks the answer off after all that has come so far. */
export function passOn(reply: IncomingMessage, response: ServerResponse): () => void {
  const buffer = new PassThrough({ readableHighWaterMark: BUFFER_BYTES });
  let isWhole = true;
  buffer.once('end', () => {
    if (isWhole) response.end();
    else cut(response);
  });
  reply.pipe(buffer).pipe(response, { end: false });
  return () => {
    isWhole = false;
    reply.unpipe(buffer);
    buffer.end();
  };
}

/** The client sees that something is missing: it gets neither the rest nor a proper end. */
export function cut(response: ServerResponse): void {
  if (response.socket === null) response.destroy();
  else response.socket.destroySoon();
}
