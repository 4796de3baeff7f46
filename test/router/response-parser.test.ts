import { describe, expect, test } from 'vitest';
import { ResponseParser } from '../../src/router/response-parser.ts';

type Parsed = {
  informational: number[];
  status: number;
  reason: string;
  headers: string[];
  body: string;
  trailers: string[];
  hasEnded: boolean;
};
type Result = Parsed & { rest: string; isComplete: boolean; isReusable: boolean };

/** Parses a response from these pieces. closes: the upstream closes the connection afterwards. */
function parse(pieces: readonly string[], method = 'GET', closes = false): Result {
  const parsed: Parsed = {
    informational: [],
    status: 0,
    reason: '',
    headers: [],
    body: '',
    trailers: [],
    hasEnded: false,
  };
  const parser = new ResponseParser(method, {
    onInformational: ({ status }) => void parsed.informational.push(status),
    onHeaders: ({ status, reason, headers }) => void Object.assign(parsed, { status, reason, headers }),
    onBody: (data) => void (parsed.body += data.toString('latin1')),
    onEnd(data, trailers) {
      parsed.body += data?.toString('latin1') ?? '';
      parsed.trailers.push(...trailers);
      parsed.hasEnded = true;
    },
  });
  let rest = '';
  for (const piece of pieces) rest += parser.parse(Buffer.from(piece, 'latin1')).toString('latin1');
  const isComplete = closes ? parser.onClose() : parser.isComplete;
  return { ...parsed, rest, isComplete, isReusable: parser.isReusable };
}

const CHUNKED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n';
const RESPONSES = {
  'a response with Content-Length': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello', 'hello'],
  'a chunked response': [CHUNKED, 'hello!'],
  'a response without a body': ['HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', ''],
  'a response with an empty body': ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', ''],
  'a response after 103 and 100': [
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    'hi',
  ],
} as const;

describe.each(Object.entries(RESPONSES))('%s', (_, [bytes, body]) => {
  test('is parsed in one piece, in any two pieces, and byte by byte', () => {
    const whole = parse([bytes]);
    expect(whole).toMatchObject({ body, hasEnded: true, rest: '', isReusable: true });
    for (let at = 1; at < bytes.length; at += 1) expect(parse([bytes.slice(0, at), bytes.slice(at)])).toEqual(whole);
    expect(parse(bytes.match(/[^]/g) ?? [])).toEqual(whole);
  });

  test('is not complete before its last byte, closed or not', () => {
    for (let at = 0; at < bytes.length; at += 1) {
      expect(parse([bytes.slice(0, at)], 'GET', true)).toMatchObject({ hasEnded: false, isComplete: false });
    }
  });

  test('bytes that follow are returned', () => {
    expect(parse([`${bytes}HTTP/1.1 200 OK\r\n`]).rest).toBe('HTTP/1.1 200 OK\r\n');
  });
});

test('a response without framing ends with the connection', () => {
  expect(parse(['HTTP/1.1 200 OK\r\n\r\nhel', 'lo'], 'GET', true)).toMatchObject({
    body: 'hello',
    isComplete: true,
    isReusable: false,
  });
});

test.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
])('%s %j has no body', (method, bytes) => {
  expect(parse([bytes], method)).toMatchObject({ body: '', hasEnded: true });
});

test('hop-by-hop headers are removed, the others stay unchanged', () => {
  const bytes =
    'HTTP/1.1 200 \r\nSet-Cookie: a\r\nset-cookie: b\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\nContent-Length: 0\r\n\r\n';
  expect(parse([bytes])).toMatchObject({
    reason: '',
    headers: ['Set-Cookie', 'a', 'set-cookie', 'b', 'Content-Length', '0'],
  });
});

test.each([
  ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', false],
  ['HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n', false],
  ['HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false],
  ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n', true],
])('%j leaves the connection reusable: %s', (bytes, isReusable) => {
  expect(parse([bytes]).isReusable).toBe(isReusable);
});

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

test('framing headers are dropped from the trailers', () => {
  expect(parse([`${HEAD}0\r\nContent-Length: 4\r\nX: y\r\n\r\n`]).trailers).toEqual(['X', 'y']);
});

test.each([
  ['a trailer with a bad name', `${HEAD}0\r\nBad Name: x\r\n\r\n`, 'invalid trailer'],
  ['a trailer with a bad value', `${HEAD}0\r\nX: a\x01b\r\n\r\n`, 'invalid trailer'],
  ['a response that is not HTTP', 'hello\r\n\r\n', 'not send an HTTP/1 response'],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'not send an HTTP/1 response'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'not send an HTTP/1 response'],
  [
    'both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'both Content-Length and',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'conflicting content-length'],
  ['an invalid length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'invalid Content-Length: -1'],
  [
    'an unsupported coding',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'unsupported Transfer-Encoding: gzip',
  ],
  ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'invalid header'],
  ['a header without a colon', 'HTTP/1.1 200 OK\r\nA\r\n\r\n', 'invalid header'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n', 'invalid header'],
  ['headers that are too large', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(300_000)}`, 'headers larger than 256 KiB'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 'invalid chunk size: "x"'],
  [
    'an error page inside a chunked response, as puma sends it',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nHTTP/1.1 500 Internal Server Error\r\n\r\n',
    'invalid chunk size: "HTTP/1.1 500 Internal Server Error"',
  ],
  [
    'a chunk longer than its size',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    'chunk longer than its size',
  ],
  [
    'a chunk line that ends with a bare LF',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n',
    'without CR',
  ],
  [
    'a chunk line that is too long',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}`,
    'chunk line longer than 16 KiB',
  ],
])('%s is rejected', (_, bytes, reason) => {
  expect(() => parse([bytes])).toThrow(reason);
});
