import fc from 'fast-check';
import { change, changed, cut, positions, within, type Change } from './fuzz-bytes.ts';
import { chunkedBody } from './fuzz-clients.ts';

/** How an upstream responds to one request. */
export type Script = {
  /** 1xx responses before it. */
  interim: string;
  head: string;
  body: string;
  changes: readonly Change[];
  /** Where the response ends early; null where it does not. */
  truncatedAt: number | null;
  cuts: readonly number[];
  /** What the upstream does with the connection afterwards. */
  then: 'keeps' | 'ends' | 'destroys';
  /** The upstream responds before the request is complete. */
  isEarly: boolean;
  /** A correct server would respond like this. */
  isValid: boolean;
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

type BaseResponse = Pick<Script, 'interim' | 'head' | 'body' | 'then'>;
/** Responses of a correct server. The head has no empty line yet: packetsOf adds a mark. */
const correct: fc.Arbitrary<BaseResponse> = fc
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
      body: isChunked ? chunkedBody(halves, framing.endsWith('trailers')) : framing === 'none' ? '' : body,
      then: closes ? ('ends' as const) : ('keeps' as const),
    };
  });
/** The acceptance of an upgrade. Invalid for any other request. */
const accepting: BaseResponse = {
  interim: '',
  head: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n',
  body: 'the first frame',
  then: 'keeps',
};

/** Responses that no correct server sends. */
const incorrect: fc.Arbitrary<BaseResponse> = fc
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

const VALID = { changes: [], truncatedAt: null, isEarly: false, isValid: true };
const valid: fc.Arbitrary<Script> = fc
  .record({ base: correct, cuts: positions(5) })
  .map(({ base, cuts }) => ({ ...base, ...VALID, cuts }));
const invalid: fc.Arbitrary<Script> = fc
  .record({
    base: fc.oneof({ weight: 5, arbitrary: correct }, fc.constant(accepting), incorrect),
    changes: fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 4 })),
    truncatedAt: fc.oneof(fc.constant(null), fc.noBias(fc.nat({ max: 0xffff }))),
    cuts: positions(5),
    then: fc.constantFrom('keeps' as const, 'ends' as const, 'ends' as const, 'destroys' as const),
    isEarly: fc.boolean(),
  })
  // After an invalid response, the rest of the connection is undefined, so that it cannot be kept.
  .map(({ base, then, ...rest }) => {
    return {
      ...base,
      ...rest,
      then: then === 'keeps' && (rest.changes.length > 0 || base.then === 'ends') ? 'ends' : then,
      isValid: false,
    };
  });

const several = (script: fc.Arbitrary<Script>): fc.Arbitrary<Script[]> =>
  fc.array(script, { minLength: 1, maxLength: 4 });
export const scripts: fc.Arbitrary<Scripts> = fc.oneof(
  fc.record({
    puma: several(valid),
    streaming: several(fc.oneof(valid, valid, fc.constant({ ...accepting, ...VALID, cuts: [] }))),
  }),
  fc.record({ puma: several(fc.oneof(valid, invalid)), streaming: several(fc.oneof(valid, invalid)) }),
);

/** The packets of the response to a request with this method. The mark holds the number of the request twice, so that a changed mark
 * is recognised. */
export function packetsOf(script: Script, method: string, number: number): string[] {
  const mark = `X-Response: ${number}-${number}\r\n\r\n`;
  const complete = script.interim + script.head + mark + (method === 'HEAD' ? '' : script.body);
  const bytes = changed(complete, script.changes);
  const { truncatedAt } = script;
  return cut(truncatedAt === null ? bytes : bytes.slice(0, within(bytes, truncatedAt)), script.cuts);
}

/** What the upstream does with the connection. A response to HEAD has no body that the end of the connection could delimit. */
export function connectionAfter({ then, head, isValid }: Script, method: string): Script['then'] {
  const isAnnounced = /^connection: close|^HTTP\/1\.0/im.test(head);
  return isValid && method === 'HEAD' && !isAnnounced ? 'keeps' : then;
}

/** The client may get no complete response. */
export function mayHang({ then, isValid }: Script): boolean {
  return then === 'keeps' && !isValid;
}

/** The upstream accepts an upgrade. */
export function acceptsUpgrade({ head }: Script): boolean {
  return head === accepting.head;
}
