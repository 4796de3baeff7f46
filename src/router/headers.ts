/** Headers as node:http has them: names and values in turns. */
export type RawHeaders = readonly string[];

/** These concern one connection and are not forwarded. `Trailer` announces what follows a chunked body, so it is. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);
/** A client cannot have these removed by naming them in its Connection header. */
const PROTECTED = /^(host|cookie|authorization|expect|content-|x-forwarded-|x-request-|forwarded)/;

/** A header name (RFC 9110, 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** A character that is not allowed in any header line. */
const INVALID_CHARACTER = /[^\t\x20-\x7e\x80-\xff]/;

/** The names of hop-by-hop headers in lower case, with those that this Connection header declares. Its usual values declare none. */
export function hopByHopHeaders(connection = ''): ReadonlySet<string> {
  if (/^(|keep-alive|close|upgrade)$/i.test(connection)) return HOP_BY_HOP;
  const names = connection.toLowerCase().split(',');
  return new Set([...HOP_BY_HOP, ...names.map((name) => name.trim()).filter((name) => !PROTECTED.test(name))]);
}

export type Header = readonly [name: string, value: string, lowerCaseName: string];

/** Only space and tab are trimmed: String.trim() would also remove the latin1 byte 0xA0.
 * @throws Error for an invalid line. */
export function parseHeader(line: string, kind: 'header' | 'trailer'): Header {
  const colon = Math.max(0, line.indexOf(':'));
  const name = line.slice(0, colon);
  if (!TOKEN.test(name) || INVALID_CHARACTER.test(line)) throw new Error(`sent an invalid ${kind}: ${quote(line)}`);
  return [name, line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''), name.toLowerCase()];
}

/** Enough of a line to recognise it in the log. */
export function quote(line: string): string {
  return JSON.stringify(line.slice(0, 60));
}

export function toPairs(headers: RawHeaders): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
  return pairs;
}

export function toLines(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

/** For a response that cannot have trailers. Most responses announce none, and are returned as they are. */
export function withoutTrailerHeader(headers: string[]): string[] {
  const pairs = toPairs(headers);
  const isTrailer = (name: string): boolean => name.length === 7 && name.toLowerCase() === 'trailer';
  return pairs.some(([name]) => isTrailer(name)) ? pairs.filter(([name]) => !isTrailer(name)).flat() : headers;
}
