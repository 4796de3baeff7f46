import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What the page's server offers. */
type Endpoint = 'file' | 'events' | 'actions';
type Access = { endpoint: Endpoint; path: string } | Refusal;
/** reason: one line of text. */
export type Refusal = { status: 403 | 404 | 405 | 413 | 415; reason: string };
type RequestHead = { method: string; target: string; headers: IncomingHttpHeaders };

const METHODS: Readonly<Record<Endpoint, readonly string[]>> = {
  file: ['GET', 'HEAD'],
  events: ['GET'],
  actions: ['POST'],
};
/** More than any action needs. */
export const MAX_BODY_BYTES = 4096;
const TOKEN_HEADER = 'x-page-token';

/** Decides whether to accept a request. Only the page itself may act and listen: it alone knows the token, because no
 * other origin can read its HTML. The checks of Host and Origin block names that resolve to the loopback, and pages of
 * other local servers. */
export function checkAccess(
  { method, target, headers }: RequestHead,
  { port, token }: { port: number; token: string },
): Access {
  const url = new URL(target.startsWith('/') ? `http://page${target}` : 'http://page/bad-target');
  const endpoint = endpointOf(url.pathname);
  if (!isOwnHost(headers.host, port)) return refusal(403, `this page is only served at http://localhost:${port}`);
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host ?? ''}`)
    return refusal(403, `${headers.origin} is another origin; only the page itself may send requests`);
  if (isCrossSite(headers, url.pathname))
    return refusal(403, 'cross-site request; only the page itself may send requests');
  if (endpoint === null) return refusal(404, 'not found; the page is at /');
  const methods = METHODS[endpoint];
  if (!methods.includes(method)) return refusal(405, `${url.pathname} takes ${methods.join(' and ')} only`);
  if (endpoint === 'file') return { endpoint, path: url.pathname };
  const givenToken = endpoint === 'events' ? url.searchParams.get('token') : headers[TOKEN_HEADER];
  if (!isEqual(givenToken, token)) return refusal(403, 'wrong token; reload the page');
  return (endpoint === 'actions' ? checkBody(headers) : null) ?? { endpoint, path: url.pathname };
}

function refusal(status: Refusal['status'], reason: string): Refusal {
  return { status, reason };
}

function endpointOf(path: string): Endpoint | null {
  if (path === '/events') return 'events';
  if (path === '/actions') return 'actions';
  return /^\/([a-z]+\.(js|css|svg))?$/.test(path) ? 'file' : null;
}

function isOwnHost(host: string | undefined, port: number): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].some((name) => host === `${name}:${port}`);
}

/** The page itself may be linked from anywhere. All other requests must come from the page. */
function isCrossSite(headers: IncomingHttpHeaders, path: string): boolean {
  const site = headers['sec-fetch-site'] ?? 'same-origin';
  if (site === 'same-origin') return false;
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return !(path === '/' ? isVisit || site === 'none' : site === 'none' && endpointOf(path) === 'file');
}

function isEqual(givenToken: unknown, token: string): boolean {
  const [given, expected] = [Buffer.from(typeof givenToken === 'string' ? givenToken : ''), Buffer.from(token)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function checkBody(headers: IncomingHttpHeaders): Refusal | null {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    return refusal(415, 'the content type must be application/json');
  return Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES ? tooLarge() : null;
}

export function tooLarge(): Refusal {
  return refusal(413, `an action has at most ${MAX_BODY_BYTES} bytes`);
}
