import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';

/** Alternating names and values as received: names keep their case, repeated fields stay separate. */
export type Fields = string[];

/** What the edge adds for the dyno. */
export type Origin = { forwardedFor: string; requestId: string; arrivedAtMs: number };

/** Hop-by-hop fields, which a proxy removes. [RFC 9110, 7.6.1] */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
/** Fields that the edge sets itself. It answers `Expect: 100-continue` on behalf of the dyno. [D: HTTP Routing] */
const REPLACED = [
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-request-start',
  'x-request-id',
  'via',
];
/** With any other method and no length, Node's client would send an empty chunked body. */
const METHODS_WITHOUT_BODY = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
const ROUTER = '1.1 heroku-router';

export function originOf({ headers, socket }: IncomingMessage): Origin {
  const { 'x-request-id': givenId, 'x-forwarded-for': forwarded } = headers;
  // "20 to 200 characters, ASCII letters, digits, or +, /, =, and -"; other IDs are replaced. [D: HTTP Request IDs]
  const isValidId = typeof givenId === 'string' && /^[A-Za-z0-9+/=-]{20,200}$/.test(givenId);
  // "The originating IP detected by the router is appended to the right-side of the list." [D: HTTP Routing]
  const forwardedFor = [...(forwarded === undefined ? [] : [String(forwarded)]), socket.remoteAddress ?? ''].join(',');
  return { forwardedFor, requestId: isValidId ? givenId : randomUUID(), arrivedAtMs: Date.now() };
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The fields for the dyno. X-Forwarded-Proto is https and the port 443, although the browser uses http: the edge
 * stands in for the platform's TLS. Otherwise Mastodon's force_ssl would redirect the browser to an https URL that does
 * not exist here. */
export function fieldsForDyno(request: IncomingMessage, origin: Origin): Fields {
  const { headers, method = 'GET' } = request;
  const fields = endToEnd(request, REPLACED);
  if (headers['transfer-encoding'] !== undefined) fields.push('Transfer-Encoding', 'chunked');
  else if (headers['content-length'] === undefined && !METHODS_WITHOUT_BODY.includes(method))
    fields.push('Content-Length', '0');
  fields.push('X-Forwarded-For', origin.forwardedFor, 'X-Forwarded-Proto', 'https', 'X-Forwarded-Port', '443');
  fields.push('X-Request-Id', origin.requestId, 'X-Request-Start', String(origin.arrivedAtMs));
  fields.push('Via', [...(headers.via === undefined ? [] : [headers.via]), ROUTER].join(', '));
  if (headers.upgrade !== undefined && isUpgrade(request))
    fields.push('Connection', 'Upgrade', 'Upgrade', headers.upgrade);
  return fields;
}

export function fieldsForClient(reply: IncomingMessage): Fields {
  const via = [...(reply.headers.via === undefined ? [] : [reply.headers.via]), ROUTER].join(', ');
  return [...endToEnd(reply, ['via']), 'Via', via];
}

function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && listItems(headers.connection).includes('upgrade');
}

function endToEnd({ rawHeaders, headers }: IncomingMessage, without: readonly string[]): Fields {
  // Host and Content-Length cannot be declared hop-by-hop.
  const connection = listItems(headers.connection).filter((name) => name !== 'host' && name !== 'content-length');
  const dropped = new Set([...HOP_BY_HOP, ...without, ...connection]);
  const fields: Fields = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (!dropped.has(name.toLowerCase())) fields.push(name, value);
  }
  return fields;
}

function listItems(field: string | undefined): string[] {
  return (field ?? '').split(',').map((name) => name.trim().toLowerCase());
}

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
