import type { IncomingMessage } from 'node:http';
import { isPrivate, peerOf } from './peer.ts';

/** The end of one connection's business: not for the next. `Trailer` announces what follows a chunked body and stays. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);
/** A client may not have these taken away by naming them in its Connection header. */
const KEPT = /^(host|cookie|authorization|expect|content-|x-forwarded-|x-request-|forwarded)/;

/** How a request goes on: the text of its head and what follows it. */
export type RequestHead = { text: string; body: 'none' | 'length' | 'chunked' };
/** What is wrong with a request, and its status. */
export type BadRequest = { status: 400 | 501 | 505; why: string };

/** The head as the upstream gets it, all but the empty line at its end. isUpgrade: it asks to become a WebSocket. */
export function requestHead(request: IncomingMessage, isUpgrade: boolean): RequestHead | BadRequest {
  const { method = 'GET', url = '/', rawHeaders, headers } = request;
  if (request.httpVersionMajor !== 1) return { status: 505, why: 'HTTP/1.0 and 1.1 are spoken here' };
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return { status: 501, why: 'Transfer-Encoding' };
  const length = headers['content-length'] ?? '0';
  if (!/^\d{1,15}$/.test(length)) return { status: 400, why: 'Content-Length' };
  const dropped = namedIn(headers.connection);
  let text = `${method} ${url} HTTP/1.1\r\n`;
  let [hosts, forwarded] = [0, ''];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || dropped?.has(lower) === true) continue;
    if (lower === 'host') hosts += 1;
    if (lower === 'x-forwarded-for') forwarded += forwarded === '' ? value : `, ${value}`;
    else text += `${name}: ${value}\r\n`;
  }
  if (hosts > 1) return { status: 400, why: 'more than one Host' };
  if (hosts === 0) text += 'Host: localhost\r\n'; // HTTP/1.0, as puma takes it by itself
  text += forwardedFor(forwarded, peerOf(request.socket));
  if (isUpgrade) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  if (coding !== undefined) return { text: `${text}Transfer-Encoding: chunked\r\n`, body: 'chunked' };
  return { text, body: Number(length) === 0 ? 'none' : 'length' };
}

/** What Rails takes for the client's address stays what it was when puma saw the peer itself: the last in this header that is
 * no proxy (a private address, or what TRUSTED_PROXY_IP lists), else the peer. So the peer stands in it where there is none
 * else. An edge that were added might count as the client of everybody. */
function forwardedFor(so: string, peer: string): string {
  const isNeeded = so === '' || (!isPrivate(peer) && so.split(',').every((one) => isPrivate(one.trim())));
  const all = !isNeeded || peer === '' ? so : so === '' ? peer : `${so}, ${peer}`;
  return all === '' ? '' : `X-Forwarded-For: ${all}\r\n`;
}

/** The names in a Connection header that go no further; null for the usual ones. */
export function namedIn(connection: string | undefined): ReadonlySet<string> | null {
  if (connection === undefined || /^(keep-alive|close|upgrade)$/i.test(connection)) return null;
  const names = connection.toLowerCase().split(',');
  return new Set(names.map((name) => name.trim()).filter((name) => !KEPT.test(name)));
}

export function isHopByHop(lower: string): boolean {
  return HOP_BY_HOP.has(lower);
}
