import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Alternating names and values as received: names keep their case, repeated fields stay separate. */
export type Fields = string[];

/** What the edge adds for the dyno. */
type Origin = { forwardedFor: string; requestId: string; arrivedAtMs: number };

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

/** "20 to 200 characters, ASCII letters, digits, or +, /, =, and -"; other IDs are replaced. [D: HTTP Request IDs] */
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
