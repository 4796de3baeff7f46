import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { KeyDecoder } from '../../../src/simulator/terminal/input.ts';

test.each<[string, string, string[]]>([
  ['letters', 'dq', ['d', 'q']],
  ['Enter, either way', '\r\n', ['enter', 'enter']],
  ['Escape', '\x1b', ['escape']],
  ['Escape twice', '\x1b\x1b', ['escape', 'escape']],
  ['the backspace, either way', '\x7f\b', ['backspace', 'backspace']],
  ['Ctrl-C, Ctrl-Z and Ctrl-\\', '\x03\x1a\x1c', ['ctrl-c', 'ctrl-z', 'ctrl-c']],
  ['other controls', '\x01\t\x04\0', ['other', 'other', 'other', 'other']],
  ['arrows', '\x1b[A\x1b[B\x1bOC\x1b[1;5D', ['other', 'other', 'other', 'other']],
  ['F keys, Delete, Page up', '\x1bOP\x1b[15~\x1b[3~\x1b[5~', ['other', 'other', 'other', 'other']],
  ['Alt and a letter', '\x1bq', ['other']],
  ['an answer of the terminal', '\x1b]11;rgb:0000/0000/0000\x07\x1b[?62;c', ['other', 'other']],
  ['an arrow after Escape', '\x1b\x1b[A', ['escape', 'other']],
  ['other scripts', 'é漢🐘', ['é', '漢', '🐘']],
  ['a paste', '\x1b[200~quit at once\r\x1b[201~d', ['d']],
  ['a paste without marks', 'please quit, deploy', []],
  ['a Ctrl-C within a flood of letters', 'aaaaaaaaaaaaaaaaaa\x03aaaa', ['ctrl-c']],
  ['a Ctrl-C within a paste, which ends it', '\x1b[200~abc\x03q', ['ctrl-c', 'q']],
])('%s', (_, text, keys) => {
  expect(new KeyDecoder().read(Buffer.from(text))).toEqual(keys);
});

test.each<[string, string[], string[]]>([
  ['an arrow cut in two', ['\x1b[', 'A', 'd'], ['other', 'd']],
  ['a long sequence cut in three', ['\x1b[1', ';', '5D'], ['other']],
  ['a paste in many parts', ['\x1b[200~abc', 'qqq', 'q\x1b[20', '1~', 'd'], ['d']],
  ['Escape and then a letter', ['\x1b', 'd'], ['escape', 'd']],
  ['a sequence that never ends', [`\x1b[${'1'.repeat(200)}`, 'd'], ['d']],
])('%s', (_, reads, keys) => {
  const terminal = new KeyDecoder();
  expect(reads.flatMap((text) => terminal.read(Buffer.from(text)))).toEqual(keys);
});

it('puts characters together that were cut in two', () => {
  const terminal = new KeyDecoder();
  const bytes = [...Buffer.from('é🐘')];
  expect(bytes.flatMap((byte) => terminal.read(Buffer.from([byte])))).toEqual(['é', '🐘']);
});

it('gives letters, names and nothing else, whatever bytes come; Ctrl-C always comes through', () => {
  const reads = fc.array(fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.constantFrom(Buffer.from('\x1b[200~'))));
  const names = ['enter', 'escape', 'backspace', 'other', 'ctrl-c', 'ctrl-z'];
  fc.assert(
    fc.property(reads, (chunks) => {
      const terminal = new KeyDecoder();
      for (const key of chunks.flatMap((bytes) => terminal.read(Buffer.from(bytes)))) {
        if (!names.includes(key)) expect(key).toMatch(/^[^\p{Cc}]$/u);
      }
      expect(terminal.read(Buffer.from('\x03')).concat(terminal.read(Buffer.from('\x03')))).toContain('ctrl-c');
    }),
  );
});
