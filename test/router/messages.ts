/** An HTTP/1.1 message, byte by byte. isComplete: null where only the end of the connection could tell. */
export type Message = {
  start: string;
  headers: readonly Header[];
  body: string;
  trailers: readonly Header[];
  isComplete: boolean | null;
};
export type Header = readonly [name: string, value: string];

/** Thrown for bytes that are no strictly valid message (RFC 9112): two servers could read them differently. */
export class MalformedMessage extends Error {}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*((?:[\\x21-\\x7e\\x80-\\xff][ \\t\\x21-\\x7e\\x80-\\xff]*)?)$`);
const START = {
  request: new RegExp(`^${TOKEN} [\\x21-\\x7e\\x80-\\xff]+ HTTP/1\\.[01]$`),
  response: /^HTTP\/1\.[01] [1-5]\d\d [\t\x20-\x7e\x80-\xff]*$/,
};

/** The requests in these bytes. The last may be incomplete. Bytes behind an upgrade request count as its body. */
export function parseRequests(bytes: string): Message[] {
  const found: Message[] = [];
  for (let rest = bytes; rest !== '';) {
    const head = readHead(rest, 'request');
    if (head === null) return [...found, incomplete(rest)];
    const body = headerOf(head, 'upgrade') === null ? framed(head, head.rest, () => '') : toTheEnd(head.rest);
    found.push({ ...head, ...body });
    rest = body.rest;
  }
  return found;
}

/** The responses in these bytes. methods: of their requests, since the response to HEAD has no body. */
export function parseResponses(bytes: string, methods: readonly string[] = []): Message[] {
  const found: Message[] = [];
  let final = 0;
  for (let rest = bytes; rest !== '';) {
    const head = readHead(rest, 'response');
    if (head === null) return [...found, incomplete(rest)];
    const status = statusOf(head);
    const method = methods[status < 200 && status !== 101 ? -1 : final++];
    const isBare = method === 'HEAD' || (status < 200 && status !== 101) || status === 204 || status === 304;
    const body = isBare ? nothing(head.rest) : status === 101 ? toTheEnd(head.rest) : framed(head, head.rest, all);
    found.push({ ...head, ...body });
    rest = body.rest;
  }
  return found;
}

export function statusOf({ start }: Pick<Message, 'start'>): number {
  return Number(start.split(' ')[1]);
}

export function targetOf({ start }: Pick<Message, 'start'>): string {
  return start.split(' ')[1] ?? '';
}

/** The value of a header; null without it. Several are joined. */
export function headerOf({ headers }: Pick<Message, 'headers'>, name: string): string | null {
  const values = headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(', ');
}

type Head = { start: string; headers: Header[]; rest: string };
type Body = { body: string; trailers: readonly Header[]; isComplete: boolean | null; rest: string };

/** null while the head is incomplete. */
function readHead(bytes: string, kind: keyof typeof START): Head | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [start = '', ...lines] = bytes.slice(0, end).split('\r\n');
  if (!START[kind].test(start)) throw new MalformedMessage(`${kind} line ${JSON.stringify(start)}`);
  return { start, headers: lines.map(field), rest: bytes.slice(end + 4) };
}

function field(line: string): Header {
  const [, name, value] = FIELD.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new MalformedMessage(`header ${JSON.stringify(line)}`);
  return [name, value];
}

function framed(head: Head, rest: string, unframed: (rest: string) => string): Body {
  const [length, coding] = [headerOf(head, 'content-length'), headerOf(head, 'transfer-encoding')];
  if (length !== null && coding !== null) throw new MalformedMessage('Content-Length and Transfer-Encoding');
  if (coding !== null) return chunked(coding, rest);
  if (length === null) {
    const body = unframed(rest);
    return { body, trailers: [], isComplete: unframed === all ? null : true, rest: rest.slice(body.length) };
  }
  if (!/^\d{1,15}$/.test(length)) throw new MalformedMessage(`Content-Length ${JSON.stringify(length)}`);
  const body = rest.slice(0, Number(length));
  return { body, trailers: [], isComplete: body.length === Number(length), rest: rest.slice(body.length) };
}

function chunked(coding: string, bytes: string): Body {
  if (coding !== 'chunked') throw new MalformedMessage(`Transfer-Encoding ${JSON.stringify(coding)}`);
  let [body, rest] = ['', bytes];
  for (;;) {
    const [line, digits] = /^([0-9a-f]{1,8})\r\n/i.exec(rest) ?? [];
    if (line === undefined || digits === undefined) return truncated(body, rest, /^[0-9a-f]{0,8}\r?$/i);
    rest = rest.slice(line.length);
    const size = parseInt(digits, 16);
    if (size === 0) return trailed(body, rest);
    body += rest.slice(0, size);
    const after = rest.slice(size, size + 2);
    if (after !== '\r\n') return truncated(body, after, /^\r?$/);
    rest = rest.slice(size + 2);
  }
}

function trailed(body: string, rest: string): Body {
  if (rest.startsWith('\r\n')) return { body, trailers: [], isComplete: true, rest: rest.slice(2) };
  const end = rest.indexOf('\r\n\r\n');
  if (end < 0) return { body, trailers: [], isComplete: false, rest: '' };
  const trailers = rest.slice(0, end).split('\r\n').map(field);
  return { body, trailers, isComplete: true, rest: rest.slice(end + 4) };
}

/** A chunked body that stops here. That is valid if more bytes could complete it. */
function truncated(body: string, rest: string, beginning: RegExp): Body {
  if (!beginning.test(rest)) throw new MalformedMessage(`chunk ${JSON.stringify(rest.slice(0, 60))}`);
  return { body, trailers: [], isComplete: false, rest: '' };
}

function incomplete(bytes: string): Message {
  return { start: bytes.split('\r\n')[0] ?? '', headers: [], body: '', trailers: [], isComplete: false };
}

function nothing(rest: string): Body {
  return { body: '', trailers: [], isComplete: true, rest };
}

function toTheEnd(rest: string): Body {
  return { body: rest, trailers: [], isComplete: true, rest: '' };
}

function all(rest: string): string {
  return rest;
}
