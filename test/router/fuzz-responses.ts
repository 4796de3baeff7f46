import fc from 'fast-check';
import { change, changed, cut, places, within, type Change } from './fuzz-bytes.ts';
import { inChunks } from './fuzz-clients.ts';

/** How an upstream answers one request. */
export type Script = {
  /** 1xx before it. */
  interim: string;
  head: string;
  body: string;
  changes: readonly Change[];
  /** Where it breaks off; null where it does not. */
  truncatedAt: number | null;
  cuts: readonly number[];
  /** What the upstream does afterwards with the connection. */
  then: 'keeps' | 'ends' | 'destroys';
  /** Answers before the request is complete. */
  isEarly: boolean;
  /** As a proper server does. */
  isProper: boolean;
};
export type Scripts = Readonly<Record<'puma' | 'streaming', readonly Script[]>>;

const INTERIM = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: nonsense\r\nX-A: b\r\n\r\n',
];
const HEADERS = [
  'Date: Thu, 01 Jan 1970 00:00:00 GMT',
  'Set-Cookie: a=b',
  'Set-Cookie: c=d',
  'X-Empty:',
  'X-A: \xe9b',
  'X-B: voil\xc3\xa0',
];
const BODY = fc.oneof(
  fc.constantFrom('', 'ok', '0\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'y'.repeat(20_000)),
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
);

type Sound = Pick<Script, 'interim' | 'head' | 'body' | 'then'>;
/** What a proper server says. The head has no last line yet: a mark of ours follows. */
const sound: fc.Arbitrary<Sound> = fc
  .record({
    interim: fc.array(fc.constantFrom(...INTERIM), { maxLength: 2 }),
    framing: fc.constantFrom('length', 'length', 'chunks', 'chunks with trailers', 'close', 'none'),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
    status: fc.constantFrom('200 OK', '404 Not Found', '302 ', '500 Internal Server Error', '206 Partial \xe9'),
    headers: fc.subarray(HEADERS),
    body: BODY,
    isLast: fc.boolean(),
  })
  .map(({ interim, framing, version, status, headers, body, isLast }) => {
    const closes = isLast || framing === 'close' || version === 'HTTP/1.0';
    const isChunked = framing.startsWith('chunks') && version === 'HTTP/1.1';
    const lines = [
      `${version} ${framing === 'none' ? '204 No Content' : status}`,
      ...headers,
      ...(isLast ? ['Connection: close'] : []),
      ...(framing === 'length' || (framing.startsWith('chunks') && !isChunked)
        ? [`Content-Length: ${body.length}`]
        : []),
      ...(isChunked ? ['Transfer-Encoding: chunked'] : []),
    ];
    const halves = [body.slice(0, body.length / 2), body.slice(body.length / 2)];
    return {
      interim: interim.join(''),
      head: `${lines.join('\r\n')}\r\n`,
      body: isChunked ? inChunks(halves, framing.endsWith('trailers')) : framing === 'none' ? '' : body,
      then: closes ? ('ends' as const) : ('keeps' as const),
    };
  });
/** The answer to an upgrade; to anything else a mistake. */
const granted: Sound = {
  interim: '',
  head: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n',
  body: 'the first frame',
  then: 'keeps',
};

/** What no proper server says. */
const odd: fc.Arbitrary<Sound> = fc
  .constantFrom(
    ['Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\nX Y: 1\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\nX-Y: \x01\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\nContent-Length: 9\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\n', '-2\r\nhi\r\n0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\n', '2;a="\n"\r\nhi\r\n0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\n', '3\r\nhi\r\n0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\nContent-Length: 2\r\n', '2\r\nhi\r\n0\r\n\r\n'],
    ['Content-Length: 2\r\nContent-Length: 3\r\n', 'hi!'],
    ['Content-Length: 2\r\nTrailer: X-A\r\n', 'hi, and more'],
    ['Content-Length: -2\r\n', 'hi'],
    ['X Y: b\r\nContent-Length: 2\r\n', 'hi'],
    ['X-Y: b\r\n folded\r\nContent-Length: 2\r\n', 'hi'],
    ['X-Y: \x01\r\nContent-Length: 2\r\n', 'hi'],
  )
  .map(([headers, body]) => ({ interim: '', head: `HTTP/1.1 200 OK\r\n${headers}`, body, then: 'ends' }));

const PROPER = { changes: [], truncatedAt: null, isEarly: false, isProper: true };
const proper: fc.Arbitrary<Script> = fc
  .record({ sound, cuts: places(5) })
  .map(({ sound, cuts }) => ({ ...sound, ...PROPER, cuts }));
const improper: fc.Arbitrary<Script> = fc
  .record({
    sound: fc.oneof({ weight: 5, arbitrary: sound }, fc.constant(granted), odd),
    changes: fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 4 })),
    truncatedAt: fc.oneof(fc.constant(null), fc.noBias(fc.nat({ max: 0xffff }))),
    cuts: places(5),
    then: fc.constantFrom('keeps' as const, 'ends' as const, 'ends' as const, 'destroys' as const),
    isEarly: fc.boolean(),
  })
  // Of a connection that carried nonsense, nobody can tell what else is on its way.
  .map(({ sound, then, ...rest }) => {
    return {
      ...sound,
      ...rest,
      then: then === 'keeps' && (rest.changes.length > 0 || sound.then === 'ends') ? 'ends' : then,
      isProper: false,
    };
  });

const several = (one: fc.Arbitrary<Script>): fc.Arbitrary<Script[]> => fc.array(one, { minLength: 1, maxLength: 4 });
export const scripts: fc.Arbitrary<Scripts> = fc.oneof(
  fc.record({
    puma: several(proper),
    streaming: several(fc.oneof(proper, proper, fc.constant({ ...granted, ...PROPER, cuts: [] }))),
  }),
  fc.record({ puma: several(fc.oneof(proper, improper)), streaming: several(fc.oneof(proper, improper)) }),
);

/** The packets that go out to a request with this method. The mark says to which, twice, so that a change of it shows. */
export function packetsOf(script: Script, method: string, number: number): string[] {
  const mark = `X-Response: ${number}-${number}\r\n\r\n`;
  const whole = script.interim + script.head + mark + (method === 'HEAD' ? '' : script.body);
  const bytes = changed(whole, script.changes);
  const { truncatedAt } = script;
  return cut(truncatedAt === null ? bytes : bytes.slice(0, within(bytes, truncatedAt)), script.cuts);
}

/** What becomes of the connection: a response to HEAD does not end with it, even where one to GET does. */
export function afterwards({ then, head, isProper }: Script, method: string): Script['then'] {
  const isTold = /^connection: close|^HTTP\/1\.0/im.test(head);
  return isProper && method === 'HEAD' && !isTold ? 'keeps' : then;
}

/** It may leave its client waiting. */
export function hangs({ then, isProper }: Script): boolean {
  return then === 'keeps' && !isProper;
}

/** It says yes to an upgrade. */
export function grants({ head }: Script): boolean {
  return head === granted.head;
}
