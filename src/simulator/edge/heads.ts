import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Names and values by turns, as they stood on the wire: names keep their case, repeated ones stay apart. */
export type Fields = string[];

/** What the edge adds for the dyno. */
export type Origin = { forwardedFor: string; requestId: string; arrivedAtMs: number };

/** Between two neighbours only; a proxy leaves them out. [RFC 9110, 7.6.1] */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
/** The edge says these itself. It answers `Expect: 100-continue` on behalf of the dyno. [D: HTTP Routing] */
const OURS = [
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-request-start',
  'x-request-id',
  'via',
];
/** Node's client sends an empty body in chunks with any other method, unless it is told the length. */
const USUALLY_WITHOUT_BODY = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
const ROUTER = '1.1 heroku-router';

/** "20 to 200 characters, ASCII letters, digits, or +, /, =, and -"; others are replaced. [D: HTTP Request IDs] */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9+/=-]{20,200}$/.test(given) ? given : randomUUID();
}

/** "The originating IP detected by the router is appended to the right-side of the list." [D: HTTP Routing] */
export function forwardedForOf({ headers, socket }: IncomingMessage): string {
  const given = headers['x-forwarded-for'];
  return [...(given === undefined ? [] : [String(given)]), socket.remoteAddress ?? ''].join(',');
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * The head that the dyno gets. It says https and 443, though a laptop's browser came by http: the edge plays the platform's
 * end of TLS, and without that a Mastodon, which has force_ssl on, sends the browser to an https that nobody serves here.
 */
export function fieldsForDyno(request: IncomingMessage, origin: Origin): Fields {
  const { headers, method = 'GET' } = request;
  const fields = endToEnd(request, OURS);
  if (headers['transfer-encoding'] !== undefined) fields.push('Transfer-Encoding', 'chunked');
  else if (headers['content-length'] === undefined && !USUALLY_WITHOUT_BODY.includes(method))
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

export function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && listed(headers.connection).includes('upgrade');
}

function endToEnd({ rawHeaders, headers }: IncomingMessage, without: readonly string[]): Fields {
  // Who lists Host as hop-by-hop does not get rid of it.
  const connection = listed(headers.connection).filter((name) => name !== 'host' && name !== 'content-length');
  const dropped = new Set([...HOP_BY_HOP, ...without, ...connection]);
  const fields: Fields = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    if (!dropped.has(name.toLowerCase())) fields.push(name, value);
  }
  return fields;
}

function listed(field: string | undefined): string[] {
  return (field ?? '').split(',').map((name) => name.trim().toLowerCase());
}
