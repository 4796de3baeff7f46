import { isHopByHop, namedIn } from './request-head.ts';

/** How the body of a reply ends. */
export type Framing = { by: 'length'; bytes: number } | { by: 'chunks' } | { by: 'close' } | { by: 'nothing' };
export type ReplyHead = {
  status: number;
  reason: string;
  /** Names and values by turns, without what concerned our connection to the upstream only. */
  headers: string[];
  framing: Framing;
  /** The upstream keeps the connection open after it. */
  keepsAlive: boolean;
};

/** Reads the head of a reply, without its last empty line. method: what was asked, since HEAD gets no body.
 * @throws Error for what is no HTTP reply, or not one whose end can be told. */
export function readReplyHead(text: string, method: string): ReplyHead {
  const lines = text.split('\r\n');
  const [, minor, code, reason = ''] =
    /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(lines[0] ?? '') ?? [];
  if (code === undefined) throw new Error('no HTTP reply');
  const status = Number(code);
  const all = lines.slice(1).map(pair);
  const [length, coding, connection] = [
    valueOf(all, 'content-length'),
    valueOf(all, 'transfer-encoding'),
    valueOf(all, 'connection'),
  ];
  const framing = framed(status, method, length, coding);
  const dropped = namedIn(connection ?? undefined);
  const headers: string[] = [];
  let lengths = 0;
  for (const [name, value, lower] of all) {
    if (isHopByHop(lower) || dropped?.has(lower) === true) continue;
    if (lower === 'content-length' && (lengths += 1) > 1) continue;
    headers.push(name, value);
  }
  const closes = minor === '0' ? !/keep-alive/i.test(connection ?? '') : /close/i.test(connection ?? '');
  return { status, reason, headers, framing, keepsAlive: !closes && framing.by !== 'close' };
}

/** What may be in a name (RFC 9110, 5.6.2), and what may not be in a header at all. */
export const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

export const UNFIT = /[^\t\x20-\x7e\x80-\xff]/;

type Pair = readonly [name: string, value: string, lower: string];

function pair(line: string): Pair {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  if (colon < 1 || !TOKEN.test(name) || UNFIT.test(line))
    throw new Error(`not a header: ${JSON.stringify(line.slice(0, 60))}`);
  return [name, value(line, colon), name.toLowerCase()];
}

/** What stands behind the colon; a byte that latin1 calls a blank is a part of it. */
export function value(line: string, colon: number): string {
  return line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
}

/** null without one. The same value twice is one. */
function valueOf(all: readonly Pair[], name: string): string | null {
  let found: string | null = null;
  for (const [, value, lower] of all) {
    if (lower !== name) continue;
    if (name === 'connection') found = found === null ? value : `${found}, ${value}`;
    else if (found !== null && found !== value) throw new Error(`${name} twice`);
    else found = value;
  }
  return found;
}

function framed(status: number, method: string, length: string | null, coding: string | null): Framing {
  if (length !== null && coding !== null) throw new Error('Content-Length and Transfer-Encoding');
  if (length !== null && !/^\d{1,15}$/.test(length)) throw new Error(`Content-Length: ${length.slice(0, 20)}`);
  if (coding !== null && coding.toLowerCase() !== 'chunked')
    throw new Error(`Transfer-Encoding: ${coding.slice(0, 20)}`);
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { by: 'nothing' };
  if (coding !== null) return { by: 'chunks' };
  return length === null ? { by: 'close' } : { by: 'length', bytes: Number(length) };
}
