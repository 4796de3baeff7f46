import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What the page's server offers. */
export type Door = 'file' | 'events' | 'actions';
export type Access = { door: Door; path: string } | Refusal;
/** Why, in one line. */
export type Refusal = { status: 403 | 404 | 405 | 413 | 415; why: string };
export type Asked = { method: string; target: string; headers: IncomingHttpHeaders };

/** More than any action needs. */
export const BODY_MOST_BYTES = 4096;
export const TOKEN_HEADER = 'x-page-token';

/** Whether a request may come in. Only the page itself may act and listen: it alone has the token, since no other origin can
 * read the html that holds it; Host and Origin keep out names that resolve to the loopback and other local servers' pages. */
export function judge({ method, target, headers }: Asked, { port, token }: { port: number; token: string }): Access {
  const url = new URL(target.startsWith('/') ? `http://page${target}` : 'http://page/bad-target');
  const door = doorOf(url.pathname);
  if (!isOwnHost(headers.host, port)) return refusal(403, `this page is only at http://localhost:${port}`);
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host ?? ''}`)
    return refusal(403, `${headers.origin} is another origin; only the page itself may ask`);
  if (isFromElsewhere(headers, url.pathname)) return refusal(403, 'another site asked; only the page itself may');
  if (door === null) return refusal(404, 'nothing is here; the page is at /');
  const expected = door === 'actions' ? 'POST' : 'GET';
  if (method !== expected) return refusal(405, `${url.pathname} takes ${expected} only`);
  if (door === 'file') return { door, path: url.pathname };
  const shown = door === 'events' ? url.searchParams.get('token') : headers[TOKEN_HEADER];
  if (!isSame(shown, token)) return refusal(403, 'the token is not that of this simulation; load the page again');
  return (door === 'actions' ? wrongBody(headers) : null) ?? { door, path: url.pathname };
}

function refusal(status: Refusal['status'], why: string): Refusal {
  return { status, why };
}

function doorOf(path: string): Door | null {
  if (path === '/events') return 'events';
  if (path === '/actions') return 'actions';
  return /^\/([a-z]+\.(js|css|svg))?$/.test(path) ? 'file' : null;
}

function isOwnHost(host: string | undefined, port: number): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].some((name) => host === `${name}:${port}`);
}

/** A link to the page is followed from anywhere; all else has to come from the page. */
function isFromElsewhere(headers: IncomingHttpHeaders, path: string): boolean {
  const site = headers['sec-fetch-site'] ?? 'same-origin';
  if (site === 'same-origin') return false;
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return !(path === '/' ? isVisit || site === 'none' : site === 'none' && doorOf(path) === 'file');
}

function isSame(shown: unknown, token: string): boolean {
  const [one, other] = [Buffer.from(typeof shown === 'string' ? shown : ''), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function wrongBody(headers: IncomingHttpHeaders): Refusal | null {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    return refusal(415, 'an action is application/json');
  return Number(headers['content-length'] ?? 0) > BODY_MOST_BYTES ? tooLarge() : null;
}

export function tooLarge(): Refusal {
  return refusal(413, `an action has at most ${BODY_MOST_BYTES} bytes`);
}
