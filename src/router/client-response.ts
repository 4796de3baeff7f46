import type { ServerResponse } from 'node:http';
import type { Clock } from '../host.ts';
import { closeAfterResponse, lingeringClose, respond, type RouterResponse } from './error-responses.ts';
import { toPairs, withoutTrailerHeader, type RawHeaders } from './headers.ts';
import type { ResponseHead } from './response-parser.ts';

/** The response to a client: that of an upstream, or one of the router where there is none. The head goes out with the first bytes
 * of the body, the rest as fast as the client reads it. */
export class ClientResponse {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  /** The head waits for the body bytes that go out with it. */
  #isHeadBuffered = false;
  #hasLength = false;
  /** Written bytes wait for the client. */
  #isStalled = false;

  constructor(response: ServerResponse, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    response.sendDate = false; // forwarded from the upstream, or missing
  }

  /** While the response waits for the client: how many bytes have left the router on its connection. Else null. */
  get stalledAt(): number | null {
    const { socket } = this.#response.req;
    return this.#isStalled ? socket.bytesWritten - socket.writableLength : null;
  }

  respond(response: RouterResponse, closes: boolean): boolean {
    return respond(this.#response, response, { closes, clock: this.#clock });
  }

  /** Forwards 100 and 103; HTTP/1.0 has neither. */
  writeInformational(head: ResponseHead): void {
    if (this.#response.req.httpVersionMinor === 0 || this.#response.headersSent) return;
    if (head.status === 100) this.#response.writeContinue();
    else if (head.status === 103) writeEarlyHints(this.#response, head.headers);
  }

  writeHead({ status, reason, headers, framing }: ResponseHead, closes: boolean): void {
    if (closes) closeAfterResponse(this.#response, this.#clock);
    const canHaveTrailers = framing.kind === 'chunked' && this.#response.req.httpVersionMinor > 0;
    this.#response.writeHead(status, reason, canHaveTrailers ? headers : withoutTrailerHeader(headers));
    this.#isHeadBuffered = true;
    this.#hasLength = framing.kind === 'length';
  }

  write(data: Buffer): boolean {
    this.#isHeadBuffered = false;
    return this.#response.write(data);
  }

  /** resume: called once the client takes more. Dropped where an earlier one still waits. */
  onceDrained(resume: () => void): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    // Both: while an upgrade request waits behind this one, node:http does not pass on the event of the socket.
    const emitters = [this.#response, this.#response.req.socket];
    const onDrain = (): void => {
      for (const emitter of emitters) emitter.off('drain', onDrain);
      this.#isStalled = false;
      resume();
    };
    for (const emitter of emitters) emitter.once('drain', onDrain);
  }

  end(data: Buffer | null, trailers: RawHeaders): void {
    this.#isHeadBuffered = false;
    if (trailers.length > 0) this.#response.addTrailers(toPairs(trailers));
    if (data === null) this.#response.end();
    else this.#response.end(data);
  }

  /** Sends the head now if no body bytes have come with it. */
  flush(): void {
    if (this.#isHeadBuffered) this.#response.write('', 'latin1'); // flushHeaders() would encode the headers as UTF-8
    this.#isHeadBuffered = false;
  }

  /** The upstream failed in the middle of the response: the client must not take what it has for the whole. With a length or
   * chunks, it sees that the end is missing. Without them a FIN would be the regular end, so that the connection has to be
   * reset. A reset in the other cases would only lose what the kernel has not sent yet of earlier responses. */
  abort(): void {
    if (this.#hasLength || this.#response.chunkedEncoding) lingeringClose(this.#response.req.socket, this.#clock);
    else this.reset();
  }

  /** Drops everything that the client has not read yet. */
  reset(): void {
    this.#response.req.socket.resetAndDestroy();
  }
}

function writeEarlyHints(response: ServerResponse, headers: RawHeaders): void {
  const hints: Record<string, string | string[]> = {};
  for (const [name, value] of toPairs(headers)) {
    const earlier = hints[name.toLowerCase()];
    hints[name.toLowerCase()] = earlier === undefined ? value : [earlier, value].flat();
  }
  try {
    if (hints.link !== undefined) response.writeEarlyHints(hints);
  } catch {
    // Node throws for some valid Link headers. Hints are optional.
  }
}
