import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { countColumns, truncate, withoutControls } from '../../../src/simulator/terminal/text.ts';

describe('text of a process, for a terminal', () => {
  test.each([
    ['plain text', 'plain text', 'plain text'],
    ['a tab', 'a\tb', 'a\tb'],
    ['other scripts', 'é 漢字 🐘', 'é 漢字 🐘'],
    ['colours', '\x1b[1;31mred\x1b[0m', '\x1b[1;31mred\x1b[0m'],
    ['colours with colons', '\x1b[38:2::255:0:0mred\x1b[m', '\x1b[38:2::255:0:0mred\x1b[m'],
    ['clearing the screen', 'a\x1b[2Jb\x1b[Hc', 'abc'],
    ['moving the cursor', 'a\x1b[1Ab\x1b[999;999Hc\x1b[s\x1b[u', 'abc'],
    ['modes', '\x1b[?1049ha\x1b[?25lb\x1b[?2004h', 'ab'],
    ['what looks like a colour and is a mode', '\x1b[>4;2ma', 'a'],
    ['CSI of one byte', 'a\x9b2Jb\x9b31mc', 'abc'],
    ['a title', '\x1b]0;title\x07a\x1b]2;title\x1b\\b', 'ab'],
    ['a link', '\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\', 'text'],
    ['a title without an end', 'a\x1b]0;title', 'a0;title'],
    ['a device control string', 'a\x1bP1$r0m\x1b\\b\x1b_G\x1b\\c', 'abc'],
    ['a reset', 'a\x1bcb', 'ab'],
    ['another character set', 'a\x1b(0b', 'ab'],
    ['ESC at the end', 'a\x1b', 'a'],
    ['an unfinished sequence', 'a\x1b[12', 'a12'],
    ['ESC before a sequence', '\x1b\x1b[2Ja', 'a'],
    ['a sequence within a sequence', '\x1b\x07[2Ja', '[2Ja'],
    ['returning to the first column', 'secret\rharmless', 'secretharmless'],
    ['going back, up, and ringing', 'a\bb\x0bc\x0cd\x07e\x7f', 'abcde'],
    ['newlines and NUL', 'a\nb\0c', 'abc'],
    ['C1 controls', 'a\x84b\x8dc\x90d', 'abcd'],
  ])('%s', (_, text, kept) => {
    expect(withoutControls(text, { colours: true })).toBe(kept);
    expect(withoutControls(text)).not.toMatch(CONTROLS);
  });

  it('has no colours where there are none', () => {
    expect(withoutControls('\x1b[1;31mred\x1b[0m')).toBe('red');
  });

  it('leaves nothing but colours, whatever comes', () => {
    const piece = fc.constantFrom('\x1b', '[', ']', '2J', 'm', '31', ';', '\x07', '\x9b', '\\', '\n', 'P', ' ', '?');
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' }))), (pieces) => {
        const kept = withoutControls(pieces.join(''), { colours: true });
        expect(kept.replaceAll(new RegExp(String.raw`\x1b\[[\d;:]*m`, 'g'), '')).not.toMatch(CONTROLS);
      }),
    );
  });

  it('does not take long over anything', () => {
    for (const piece of ['\x1b]', '\x9d', '\x1b[', '\x9b', '\x1b]0', '\x1bP\x1b', '\x1b ']) {
      const since = process.cpuUsage().user;
      withoutControls(piece.repeat(20_000));
      expect(process.cpuUsage().user - since).toBeLessThan(1_000_000);
    }
  });
});

const CONTROLS = new RegExp(String.raw`[\0-\x08\n-\x1f\x7f-\x9f]`);

describe('columns', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['漢字', 4],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['ﾊﾝｶｸ', 4],
    ['🐘', 2],
    ['❤️', 2],
    ['a\u200bb\u2060c', 3],
    ['…·', 2],
    ['नमस्ते', 4],
  ])('%s takes %i', (text, columns) => expect(countColumns(text)).toBe(columns));

  test.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['漢字', 4, '漢字'],
    ['漢字', 3, '漢…'],
    ['漢字', 2, '…'],
    ['ne\u0301e', 2, 'n…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
    ['abc', -1, ''],
    ['', 0, ''],
  ])('%s cut to %i is %s', (text, columns, shorter) => expect(truncate(text, columns)).toBe(shorter));

  it('never has more than it may', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: -1, max: 30 }), (text, columns) => {
        expect(countColumns(truncate(text, columns))).toBeLessThanOrEqual(Math.max(0, columns));
      }),
    );
  });
});
