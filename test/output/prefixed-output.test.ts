import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { Output } from '../../src/output/output.ts';
import { copyWithPrefix, MAX_LINE_BYTES, LinePrefixer } from '../../src/output/prefixed-output.ts';
import { clock } from '../../src/process/runtime.ts';
import { spawnChild } from '../../src/process/spawn.ts';
import { tempFolder } from '../harness/dyno.ts';
import { Pipe } from './pipe.ts';

function fed(...chunks: (string | Buffer)[]): string {
  const lines = new LinePrefixer('puma | ');
  const parts = chunks.map((chunk) => lines.feed(Buffer.from(chunk as string)));
  return Buffer.concat([...parts, lines.end(), lines.end()]).toString('latin1');
}

const latin = (text: string): string => Buffer.from(text).toString('latin1');

test.each([
  [[], ''],
  [[''], ''],
  [['one\n'], 'puma | one\n'],
  [['one'], 'puma | one\n'],
  [['one\ntwo'], 'puma | one\npuma | two\n'],
  [['o', 'n', 'e', '\n'], 'puma | one\n'],
  [['one', '\ntwo', '\n'], 'puma | one\npuma | two\n'],
  [['\n\n'], 'puma | \npuma | \n'],
  [['one\r\ntwo\r', '\n'], 'puma | one\r\npuma | two\r\n'],
  [['10 %\r20 %\r'], 'puma | 10 %\r20 %\r\n'],
  [['a\0b\n'], 'puma | a\0b\n'],
])('%j is %j', (chunks, text) => {
  expect(fed(...chunks)).toBe(text);
});

/** Any bytes, often newlines and starts of UTF-8 characters. */
const anyBytes = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(10, 13, 0xc3, 0xa9, 0xf0, 0x9f, 0x90, 0x98)), {
    maxLength: 200,
  })
  .map((bytes) => Buffer.from(bytes));

test('any bytes in any chunks give whole lines, once, with the prefix', () => {
  const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 20 });
  fc.assert(
    fc.property(anyBytes, cuts, (bytes, positions) => {
      const ends = [0, ...positions, bytes.length].map((end) => Math.min(end, bytes.length)).sort((a, b) => a - b);
      const chunks = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
      const text = bytes.toString('latin1');
      const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
      expect(fed(...chunks)).toBe(lines.map((line) => `puma | ${line}\n`).join(''));
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['a', 65_536],
  ['é', 65_535],
  ['€', 65_536],
  ['🐘', 65_533],
])(
  'an endless line of %s is written in pieces without torn characters, and memory is bounded',
  (letter, chunkBytes) => {
    const text = letter.repeat(Math.ceil((3 * MAX_LINE_BYTES) / letter.length / 2));
    const bytes = Buffer.from(text);
    const lines = new LinePrefixer('puma | ');
    const out: Buffer[] = [];
    let maxHeld = 0;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      out.push(lines.feed(bytes.subarray(at, at + chunkBytes)));
      maxHeld = Math.max(maxHeld, at + chunkBytes - Buffer.concat(out).length);
    }
    out.push(lines.end());
    const pieces = Buffer.concat(out).toString().split('\n').slice(0, -1);
    expect(maxHeld).toBeLessThan(MAX_LINE_BYTES + chunkBytes);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.every((piece) => piece.startsWith('puma | '))).toBe(true);
    expect(pieces.map((piece) => piece.slice(7)).join('') === text).toBe(true);
  },
);

test('a line just below the limit stays whole', () => {
  const line = 'x'.repeat(MAX_LINE_BYTES - 1);
  expect(fed(line, '\nnext\n') === `puma | ${line}\npuma | next\n`).toBe(true);
});

test('lines before a stream error or destroy are kept', async () => {
  const pipe = new Pipe();
  const output = new Output(pipe.fd, clock, String);
  const [failing, destroyed] = [new PassThrough(), new PassThrough()];
  const copies = [copyWithPrefix(failing, 'a', output), copyWithPrefix(destroyed, 'b', output)];
  for (const stream of [failing, destroyed]) stream.write('whole\nhalf');
  expect(await pipe.receives('b | whole')).toContain('a | whole\n');
  failing.destroy(new Error('EIO'));
  destroyed.destroy();
  await Promise.all(copies);
  await output.close(60_000);
  expect(pipe.read() + pipe.received.toString()).toContain('b | half\n');
  expect(pipe.received.toString()).toContain('a | half\n');
});

test('a stalled reader blocks the child, and no line is lost when it reads on', async () => {
  const pipe = new Pipe();
  const output = new Output(pipe.fd, clock, String);
  let chunksRead = 0;
  const chunks = Array.from({ length: 300 }, (_, n) => Buffer.from(`${n} ${'x'.repeat(9990)}\n`.padStart(10_000)));
  const source = Readable.from(
    (function* () {
      for (const chunk of chunks) {
        chunksRead += 1;
        yield chunk;
      }
    })(),
    { highWaterMark: 1 },
  );
  const copied = copyWithPrefix(source, 'puma', output);
  expect(output.write('ours\n')).toBe(true);
  while (chunksRead < 10) await new Promise(setImmediate);
  for (let n = 0; n < 100; n += 1) await new Promise(setImmediate);
  expect(chunksRead).toBeLessThan(30);
  const last = '299 xxx';
  await Promise.all([copied, pipe.receives(last)]);
  const closed = output.close(60_000);
  const all = await pipe.receives(`${last}${'x'.repeat(9987)}\n`);
  await closed;
  expect(all.replace('ours\n', '') === chunks.map((chunk) => `puma | ${chunk.toString()}`).join('')).toBe(true);
});

test('all lines of real children arrive whole, the last one without newline too', async () => {
  const file = join(tempFolder(), 'log');
  const fd = openSync(file, 'w');
  onTestFinished(() => closeSync(fd));
  const output = new Output(fd, clock, String);
  const copies: Promise<void>[] = [];
  const script = `i=0; while [ $i -lt 500 ]; do echo "out $i é"; echo "err $i" >&2; i=$((i+1)); done; printf 'bye'`;
  const children = ['puma', 'sidekiq'].map((name) =>
    spawnChild(['sh', '-c', script], {
      env: process.env,
      folder: '/',
      output: ({ stdout, stderr }) =>
        void copies.push(
          ...[stdout, stderr].map((stream) => copyWithPrefix(stream ?? Readable.from([]), name, output)),
        ),
    }),
  );
  await Promise.all(children.map(({ exited }) => exited));
  await Promise.all(copies);
  await output.close(60_000);
  const lines = readFileSync(file, 'latin1').split('\n');
  for (const name of ['puma', 'sidekiq']) {
    const expected = (text: string, suffix = ''): string[] =>
      Array.from({ length: 500 }, (_, n) => latin(`${name} | ${text} ${n}${suffix}`));
    expect(lines.filter((line) => line.startsWith(`${name} | out`))).toEqual(expected('out', ' é'));
    expect(lines.filter((line) => line.startsWith(`${name} | err`))).toEqual(expected('err'));
    expect(lines.filter((line) => line === `${name} | bye`)).toHaveLength(1);
  }
  expect(lines).toHaveLength(2 * 1001 + 1);
});
