import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { hopByHopHeaders } from './headers.ts';

/** Addresses that Rails takes for proxies: loopback, private and unique local
 * (https://api.rubyonrails.org/classes/ActionDispatch/RemoteIp.html). */
const PRIVATE_ADDRESS = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:)/i;
/** Node's own test, which decides whether `checkContinue` or `checkExpectation` is emitted. */
const EXPECTS_CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** A request head for an upstream, without its final empty line, and how the body behind it is framed. */
export type RequestHead = { text: string; body: 'none' | 'length' | 'chunked' };
/** A request that is not forwarded. */
export type BadRequest = { status: 400 | 417 | 501 | 505; reason: string };

/** isUpgrade: the client asks for a WebSocket. */
export function requestHead(request: IncomingMessage, isUpgrade: boolean): RequestHead | BadRequest {
  const { method = 'GET', url = '/', rawHeaders, headers } = request;
  if (request.httpVersionMajor !== 1) return { status: 505, reason: 'only HTTP/1.0 and HTTP/1.1 are supported' };
  if (headers.expect !== undefined && request.httpVersionMinor > 0 && !EXPECTS_CONTINUE.test(headers.expect)) {
    return { status: 417, reason: 'unsupported Expect' };
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return { status: 501, reason: 'unsupported Transfer-Encoding' };
  }
  const length = headers['content-length'] ?? '0';
  if (!/^\d{1,15}$/.test(length)) return { status: 400, reason: 'invalid Content-Length' };
  const hopByHop = hopByHopHeaders(headers.connection);
  let text = `${method} ${url} HTTP/1.1\r\n`;
  let [hosts, forwardedFor] = [0, ''];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    const lowerCaseName = name.toLowerCase();
    if (hopByHop.has(lowerCaseName)) continue;
    if (lowerCaseName === 'host') hosts += 1;
    if (lowerCaseName === 'x-forwarded-for') forwardedFor += forwardedFor === '' ? value : `, ${value}`;
    else text += `${name}: ${value}\r\n`;
  }
  if (hosts > 1) return { status: 400, reason: 'more than one Host header' };
  if (hosts === 0 && request.httpVersionMinor > 0) return { status: 400, reason: 'missing Host header' };
  if (hosts === 0) text += 'Host: localhost\r\n'; // HTTP/1.0; puma does the same
  text += forwardedForLine(forwardedFor, addressOf(request.socket));
  if (isUpgrade) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  if (coding !== undefined) return { text: `${text}Transfer-Encoding: chunked\r\n`, body: 'chunked' };
  return { text, body: Number(length) === 0 ? 'none' : 'length' };
}

/** Keeps the client address that Rails sees. Rails takes the last address in X-Forwarded-For that is no proxy (neither a private
 * address nor in TRUSTED_PROXY_IP), else the peer. Behind the router the peer of puma is a unix socket, so the peer of the
 * router is added where the header has no such address. It is not added otherwise: Rails might take an edge with a public
 * address for the client of every request. */
function forwardedForLine(received: string, peer: string): string {
  const addresses = received === '' ? [] : [received];
  const isPeerNeeded =
    received === '' || (!isPrivate(peer) && received.split(',').every((part) => isPrivate(part.trim())));
  if (isPeerNeeded && peer !== '') addresses.push(peer);
  return addresses.length === 0 ? '' : `X-Forwarded-For: ${addresses.join(', ')}\r\n`;
}

/** '' once the client is gone. An IPv4 address is written as such on an IPv6 socket too. */
function addressOf(client: Socket): string {
  const address = client.remoteAddress ?? '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function isPrivate(address: string): boolean {
  return PRIVATE_ADDRESS.test(address);
}
