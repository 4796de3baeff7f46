import fc from 'fast-check';
import { CORPUS } from './corpus/corpus.ts';
import { anyBytes, change, changed, cut, positions } from './fuzz-bytes.ts';

/** What a client sends. */
export type FuzzClient = {
  packets: string[];
  /** Each request is valid, and has to be served. */
  isValid: boolean;
  /** How the client disconnects, and whether it waits for its responses before. */
  leaves: 'in order' | 'with a reset' | 'at once';
};

export const API = '/api/v1/streaming';
const VALID_TARGETS = [
  '/',
  '/about?a=%2F..%2F',
  '/metrics',
  '/%61pi/v1/streaming',
  `${API}x`,
  `${API}/../../../metrics`,
  `${API}/%2e%2e/metrics`,
  `${API}//public`,
  `/${API}/public`,
  `http://social.example${API}/public`,
  API,
  `${API}/`,
  `${API}?stream=user&access_token=%41`,
  `${API}/health`,
  `${API}/public/local?only_media=true`,
];
const HEADERS = [
  'Connection: keep-alive',
  'Cookie: a=b; c="d"',
  'TE: trailers',
  'X-Forwarded-For: 203.0.113.7, 10.1.1.1',
  'X-Request-Id: 0123456789abcdef',
  'X-Empty:',
  'X-Obs: voil\xc3\xa0',
];
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

const text = fc.oneof(
  anyBytes(40),
  fc.constantFrom('hello', '0\r\n\r\n', 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n', 'x'.repeat(20_000)),
);

/** A body with its framing headers. */
const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ headers: [], body: '' }) },
  text.map((body) => ({ headers: [`Content-Length: ${body.length}`], body })),
  fc.record({ pieces: fc.array(text, { maxLength: 3 }), hasTrailers: fc.boolean() }).map(({ pieces, hasTrailers }) => ({
    headers: ['Transfer-Encoding: chunked'],
    body: chunkedBody(pieces, hasTrailers),
  })),
);

const request = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    target: fc.constantFrom(...VALID_TARGETS),
    headers: fc.subarray(HEADERS, { maxLength: 3 }),
    body,
  })
  .map(({ method, target, headers, body }) => requestBytes(method, target, [...headers, ...body.headers], body.body));
const upgrade = fc
  .record({ target: fc.constantFrom(API, `${API}/public`, `${API}?stream=user`), early: text })
  .map(({ target, early }) => requestBytes('GET', target, UPGRADE, early));

/** Several pipelined requests, or one upgrade. */
const valid = fc.oneof(
  { weight: 5, arbitrary: fc.array(request, { minLength: 1, maxLength: 5 }).map((all) => all.join('')) },
  upgrade,
  // The last request on its connection. Node also closes the connection if the client has not waited for 100 Continue.
  fc
    .tuple(request, fc.constantFrom('0\r\n', '1\r\nConnection: close\r\n', '1\r\nExpect: 100-continue\r\n'))
    .map(([message, version]) => message.replace(' HTTP/1.1\r\n', ` HTTP/1.${version}`)),
);

const hostile = fc.constantFrom(...CORPUS.map(({ bytes }) => bytes));
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
const invalid = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(valid, changes).map(([bytes, all]) => changed(bytes, all)) },
  { weight: 3, arbitrary: fc.tuple(hostile, changes).map(([bytes, all]) => changed(bytes, all)) },
  {
    weight: 1,
    arbitrary: fc.tuple(valid, fc.oneof(hostile, upgrade, anyBytes(60))).map(([first, second]) => first + second),
  },
  { weight: 1, arbitrary: fc.tuple(hostile, request).map(([first, second]) => first + second) },
  { weight: 1, arbitrary: anyBytes(300) },
);
const bytes = fc.oneof(
  { weight: 1, arbitrary: valid.map((bytes) => ({ bytes, isValid: true })) },
  { weight: 2, arbitrary: invalid.map((bytes) => ({ bytes, isValid: false })) },
);

export const fuzzClient: fc.Arbitrary<FuzzClient> = fc
  .record({
    bytes,
    cuts: positions(6),
    leaves: fc.constantFrom<FuzzClient['leaves'][]>('in order', 'in order', 'in order', 'with a reset', 'at once'),
  })
  .map(({ bytes: { bytes, isValid }, cuts, leaves }) => ({ packets: cut(bytes, cuts), isValid, leaves }));

export function chunkedBody(pieces: readonly string[], hasTrailers: boolean): string {
  const chunks = pieces.filter((piece) => piece !== '').map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${chunks.join('')}0\r\n${hasTrailers ? 'X-Checksum: 1\r\nX-More: \r\n' : ''}\r\n`;
}

function requestBytes(method: string, target: string, headers: readonly string[], body: string): string {
  return `${[`${method} ${target} HTTP/1.1`, 'Host: social.example', ...headers].join('\r\n')}\r\n\r\n${body}`;
}
