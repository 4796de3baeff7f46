import fc from 'fast-check';
import { CORPUS } from './corpus/corpus.ts';
import { anyBytes, change, changed, cut, places } from './fuzz-bytes.ts';

/** What one client does. */
export type FuzzClient = {
  packets: string[];
  /** These are proper requests, and each is to be asked and answered. */
  isProper: boolean;
  /** Whether it waits for its answers, and how it goes. */
  leaves: 'in order' | 'with a reset' | 'at once';
};

export const API = '/api/v1/streaming';
const PROPER_TARGETS = [
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

/** Headers of the framing, and the body. */
const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ headers: [], body: '' }) },
  text.map((body) => ({ headers: [`Content-Length: ${body.length}`], body })),
  fc
    .record({ pieces: fc.array(text, { maxLength: 3 }), isTrailed: fc.boolean() })
    .map(({ pieces, isTrailed }) => ({ headers: ['Transfer-Encoding: chunked'], body: inChunks(pieces, isTrailed) })),
);

const request = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    target: fc.constantFrom(...PROPER_TARGETS),
    headers: fc.subarray(HEADERS, { maxLength: 3 }),
    body,
  })
  .map(({ method, target, headers, body }) => asked(method, target, [...headers, ...body.headers], body.body));
const upgrade = fc
  .record({ target: fc.constantFrom(API, `${API}/public`, `${API}?stream=user`), early: text })
  .map(({ target, early }) => asked('GET', target, UPGRADE, early));

/** Several one behind the other, or one upgrade. */
const proper = fc.oneof(
  { weight: 5, arbitrary: fc.array(request, { minLength: 1, maxLength: 5 }).map((all) => all.join('')) },
  upgrade,
  // The last one on its connection: Node closes it, too, where a client need not wait for the 100 that it expects.
  fc
    .tuple(request, fc.constantFrom('0\r\n', '1\r\nConnection: close\r\n', '1\r\nExpect: 100-continue\r\n'))
    .map(([one, version]) => one.replace(' HTTP/1.1\r\n', ` HTTP/1.${version}`)),
);

const hostile = fc.constantFrom(...CORPUS.map(({ bytes }) => bytes));
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
const improper = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(proper, changes).map(([bytes, by]) => changed(bytes, by)) },
  { weight: 3, arbitrary: fc.tuple(hostile, changes).map(([bytes, by]) => changed(bytes, by)) },
  { weight: 1, arbitrary: fc.tuple(proper, fc.oneof(hostile, upgrade, anyBytes(60))).map(([one, two]) => one + two) },
  { weight: 1, arbitrary: fc.tuple(hostile, request).map(([one, two]) => one + two) },
  { weight: 1, arbitrary: anyBytes(300) },
);
const bytes = fc.oneof(
  { weight: 1, arbitrary: proper.map((bytes) => ({ bytes, isProper: true })) },
  { weight: 2, arbitrary: improper.map((bytes) => ({ bytes, isProper: false })) },
);

export const fuzzClient: fc.Arbitrary<FuzzClient> = fc
  .record({
    bytes,
    cuts: places(6),
    leaves: fc.constantFrom<FuzzClient['leaves'][]>('in order', 'in order', 'in order', 'with a reset', 'at once'),
  })
  .map(({ bytes: { bytes, isProper }, cuts, leaves }) => ({ packets: cut(bytes, cuts), isProper, leaves }));

export function inChunks(pieces: readonly string[], isTrailed: boolean): string {
  const chunks = pieces.filter((piece) => piece !== '').map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${chunks.join('')}0\r\n${isTrailed ? 'X-Checksum: 1\r\nX-More: \r\n' : ''}\r\n`;
}

function asked(method: string, target: string, headers: readonly string[], body: string): string {
  return `${[`${method} ${target} HTTP/1.1`, 'Host: social.example', ...headers].join('\r\n')}\r\n\r\n${body}`;
}
