import fc from 'fast-check';

/** A small change of some bytes. Positions are in 1/65536 of the length, so that they fit any bytes. */
export type Change = {
  kind: 'flip' | 'set' | 'insert' | 'delete' | 'repeat' | 'move';
  at: number;
  /** Of the bytes that are deleted, repeated or moved. */
  length: number;
  to: number;
  bytes: string;
};

/** Bytes that parsers handle differently, or that change the meaning of a message. */
const SNIPPETS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '%',
  '\\',
  '//',
  '/../',
  '/./',
  '%2e%2e/',
  '#',
  '?',
  '\xa0',
  '\xff',
  '0',
  '9',
  '-1',
  '0x',
  'ffffffff',
  '\r\n0\r\n\r\n',
  '5\r\nhello\r\n',
  '\r\nContent-Length: 3',
  '\r\nContent-Length: 300',
  '\r\nTransfer-Encoding: chunked',
  '\r\nTransfer-Encoding: gzip, chunked',
  '\r\nConnection: close',
  '\r\nConnection: Upgrade\r\nUpgrade: websocket',
  '\r\nExpect: 100-continue',
  '\r\nHost: other.example',
  '\r\n folded',
  ' HTTP/1.0',
  'GET /metrics HTTP/1.1\r\nHost: social.example\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
];

const position = fc.noBias(fc.nat({ max: 0xffff }));
/** Any bytes, in latin1. */
export function anyBytes(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
}
export const positions = (maxLength: number): fc.Arbitrary<number[]> => fc.array(position, { maxLength });
export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('flip', 'set', 'insert', 'insert', 'delete', 'repeat', 'move'),
  at: position,
  length: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 80 })),
  to: position,
  bytes: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...SNIPPETS) }, anyBytes(6)),
});

export function changed(bytes: string, changes: readonly Change[]): string {
  return changes.reduce(changedOnce, bytes);
}

function changedOnce(bytes: string, { kind, at, length, to, bytes: other }: Change): string {
  const [start, target] = [within(bytes, at), within(bytes, to)];
  const [before, piece, after] = [
    bytes.slice(0, start),
    bytes.slice(start, start + length),
    bytes.slice(start + length),
  ];
  if (kind === 'insert') return before + other + piece + after;
  if (kind === 'set') return before + other + bytes.slice(start + other.length);
  if (kind === 'delete') return before + after;
  if (kind === 'repeat') return before + piece + piece + after;
  if (kind === 'move') return insert(before + after, target, piece);
  const flipped = piece === '' ? '' : String.fromCharCode(piece.charCodeAt(0) ^ (1 << (to % 8)));
  return before + flipped + piece.slice(1) + after;
}

/** Splits bytes into packets. None is empty. */
export function cut(bytes: string, at: readonly number[]): string[] {
  const all = [0, ...at.map((position) => within(bytes, position)), bytes.length].sort((a, b) => a - b);
  return all.slice(1).flatMap((end, index) => {
    const packet = bytes.slice(all[index], end);
    return packet === '' ? [] : [packet];
  });
}

/** A position in these bytes, their end included. */
export function within(bytes: string, at: number): number {
  return Math.floor((at * (bytes.length + 1)) / 0x10000);
}

function insert(bytes: string, at: number, piece: string): string {
  return bytes.slice(0, at) + piece + bytes.slice(at);
}
