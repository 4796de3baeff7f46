import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { MAX_LINE_BYTES } from '../../../src/simulator/platform/rules.ts';
import { LineSplitter } from '../../../src/simulator/platform/log-reader.ts';

const MOST = MAX_LINE_BYTES;
const x = (count: number): string => 'x'.repeat(count);

test.each<[string, string | Buffer, string[]]>([
  ['nothing', '', []],
  ['one line', 'a\n', ['a']],
  ['several lines, an empty one among them', 'a\n\nb\n', ['a', '', 'b']],
  ['a last line without a newline', 'a\nb', ['a', 'b']],
  ['CR LF', 'a\r\nb\r\n', ['a', 'b']],
  ['a CR within a line stays, one at the end of it does not', 'a\rb\r\n\r\n\r', ['a\rb', '', '']],
  ['characters beyond ASCII', 'é\n漢字 🐘\n', ['é', '漢字 🐘']],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0xc3, 0x0a, 0x80, 0x0a]), ['a\ufffd\ufffd', '\ufffd']],
  ['a line that just fits', `${x(MOST)}\n`, [x(MOST)]],
  ['a line that just fits, with CR LF', `${x(MOST)}\r\n`, [x(MOST)]],
  ['a byte too many', `${x(MOST)}y\nz\n`, [x(MOST), 'y', 'z']],
  ['two that fit in one', `${x(2 * MOST)}\n`, [x(MOST), x(MOST)]],
  ['too long and without an end', x(2 * MOST + 5), [x(MOST), x(MOST), x(5)]],
  ['a character across the border goes to the next piece', `${x(MOST - 1)}é\n`, [x(MOST - 1), 'é']],
  ['one of four bytes too', `${x(MOST - 3)}🐘y\n`, [x(MOST - 3), '🐘y']],
  ['no UTF-8 at all around the border', Buffer.alloc(MOST + 1, 0x80), ['\ufffd'.repeat(MOST), '\ufffd']],
])('%s', (_, bytes, lines) => {
  expect(linesOf([Buffer.from(bytes as string)])).toEqual(lines);
});

describe('however the bytes are cut', () => {
  const part = fc.oneof(
    fc.constantFrom('\n', '\r\n', '\r', 'é', '🐘', 'a'),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.integer({ min: MOST - 4, max: MOST + 4 }).map(x),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  const printed = fc.array(part, { maxLength: 12 }).map((parts) => Buffer.concat(parts.map((it) => Buffer.from(it))));
  const cuts = fc.array(fc.nat(), { maxLength: 20 });

  it('gives the same lines', () => {
    fc.assert(
      fc.property(printed, cuts, (bytes, places) => {
        expect(linesOf(chunks(bytes, places))).toEqual(linesOf([bytes]));
      }),
    );
  });

  it('gives the lines of text, none of them too long', () => {
    fc.assert(
      fc.property(printed, cuts, (bytes, places) => {
        const lines = linesOf(chunks(bytes, places));
        const text = bytes.toString('utf8');
        if (!text.includes('\ufffd')) {
          expect(lines.join('')).toBe(text.replaceAll(/\r?\n|\r$/g, ''));
          for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MOST);
        }
        expect(lines.every((line) => !line.includes('\n'))).toBe(true);
      }),
    );
  });

  it('gives the same byte by byte', () => {
    const bytes = Buffer.from(`é\r\n${x(MOST - 1)}🐘\n\nend`);
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(linesOf(single)).toEqual(['é', x(MOST - 1), '🐘', '', 'end']);
  });
});

test('an endless line is given as it comes, and never kept whole', () => {
  const output = new LineSplitter();
  let given = 0;
  for (let fed = 0; fed < 5_000_000; fed += 50_000) {
    for (const line of output.push(Buffer.alloc(50_000, 'x'))) given += line.length;
    expect(fed + 50_000 - given).toBeLessThanOrEqual(MOST + 1);
  }
});

function linesOf(parts: readonly Buffer[]): string[] {
  const output = new LineSplitter();
  return [...parts.flatMap((part) => output.push(part)), ...output.end()];
}

function chunks(bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, n) => bytes.subarray(borders[n], end));
}
