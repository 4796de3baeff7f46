import { describe, expect, test } from 'vitest';
import { ReplyReader } from '../../src/router/reply-reader.ts';
import type { ReplyHead } from '../../src/router/reply-head.ts';

type Seen = {
  informed: number[];
  status: number;
  reason: string;
  headers: string[];
  body: string;
  trailers: string[];
  over: boolean;
};

/** What a listener hears of these pieces; `rest` is what came too much. */
function read(
  pieces: readonly string[],
  method = 'GET',
  closes = false,
): Seen & { rest: string; whole: boolean; reusable: boolean } {
  const seen: Seen = { informed: [], status: 0, reason: '', headers: [], body: '', trailers: [], over: false };
  const reader = new ReplyReader(method, {
    informed: ({ status }: ReplyHead) => void seen.informed.push(status),
    begun: ({ status, reason, headers }) => void Object.assign(seen, { status, reason, headers }),
    body: (data) => void (seen.body += data.toString('latin1')),
    ended(data, trailers) {
      seen.body += data?.toString('latin1') ?? '';
      seen.trailers.push(...trailers);
      seen.over = true;
    },
  });
  let rest = '';
  for (const piece of pieces) rest += reader.read(Buffer.from(piece, 'latin1')).toString('latin1');
  const whole = closes ? reader.closed() : reader.isOver;
  return { ...seen, rest, whole, reusable: reader.isReusable };
}

const CHUNKED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n';
const REPLIES = {
  'by length': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello', 'hello'],
  'in chunks': [CHUNKED, 'hello!'],
  'without a body': ['HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', ''],
  'an empty one': ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', ''],
  'after early hints': [
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    'hi',
  ],
} as const;

describe.each(Object.entries(REPLIES))('%s', (_, [bytes, body]) => {
  test('at once, and cut in two anywhere, and byte by byte', () => {
    const whole = read([bytes]);
    expect(whole).toMatchObject({ body, over: true, rest: '', reusable: true });
    for (let at = 1; at < bytes.length; at += 1) expect(read([bytes.slice(0, at), bytes.slice(at)])).toEqual(whole);
    expect(read(bytes.match(/[^]/g) ?? [])).toEqual(whole);
  });

  test('is not over before its last byte, closed or not', () => {
    for (let at = 0; at < bytes.length; at += 1) {
      expect(read([bytes.slice(0, at)], 'GET', true)).toMatchObject({ over: false, whole: false });
    }
  });

  test('what follows is not taken for a part of it', () => {
    expect(read([`${bytes}HTTP/1.1 200 OK\r\n`]).rest).toBe('HTTP/1.1 200 OK\r\n');
  });
});

test('the end of the connection is the end of a reply that says nothing of it', () => {
  expect(read(['HTTP/1.1 200 OK\r\n\r\nhel', 'lo'], 'GET', true)).toMatchObject({
    body: 'hello',
    whole: true,
    reusable: false,
  });
});

test.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
])('no body follows for %s %j', (method, bytes) => {
  expect(read([bytes], method)).toMatchObject({ body: '', over: true });
});

test('what concerned one connection is left out, the rest is kept as it came', () => {
  const bytes =
    'HTTP/1.1 200 \r\nSet-Cookie: a\r\nset-cookie: b\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\nContent-Length: 0\r\n\r\n';
  expect(read([bytes])).toMatchObject({
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
])('%j can be followed by another: %s', (bytes, reusable) => {
  expect(read([bytes]).reusable).toBe(reusable);
});

const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

test('a trailer cannot say any more how long the body was', () => {
  expect(read([`${HEAD}0\r\nContent-Length: 4\r\nX: y\r\n\r\n`]).trailers).toEqual(['X', 'y']);
});

test.each([
  ['a trailer with a bad name', `${HEAD}0\r\nBad Name: x\r\n\r\n`, 'not a trailer'],
  ['a trailer with a bad value', `${HEAD}0\r\nX: a\x01b\r\n\r\n`, 'not a trailer'],
  ['nothing like it', 'hello\r\n\r\n', 'no HTTP reply'],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'no HTTP reply'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'no HTTP reply'],
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'Content-Length and'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'content-length twice'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'Content-Length: -1'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'Transfer-Encoding: gzip'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'not a header'],
  ['a header without a colon', 'HTTP/1.1 200 OK\r\nA\r\n\r\n', 'not a header'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n', 'not a header'],
  ['headers without end', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(300_000)}`, 'headers without end'],
  [
    'a chunk without a size',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
    'not the size of a chunk: "x"',
  ],
  [
    'an error in the middle of a chunked reply, as puma sends it',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nHTTP/1.1 500 Internal Server Error\r\n\r\n',
    'not the size of a chunk: "HTTP/1.1 500 Internal Server Error"',
  ],
  [
    'a chunk that is too long',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    'longer than it says',
  ],
  ['a chunk line of LF alone', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n', 'without CR'],
  [
    'a chunk line without end',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}`,
    'no end',
  ],
])('%s is refused', (_, bytes, why) => {
  expect(() => read([bytes])).toThrow(why);
});
