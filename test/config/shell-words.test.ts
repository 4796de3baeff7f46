import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinWords, splitWords } from '../../src/config/shell-words.ts';

/** The words that bash reads from a line; null if it reports a syntax error. */
function bashWords(line: string): string[] | null {
  const { status, stdout, error } = spawnSync('bash', ['-c', `set -- ${line}\nprintf '%s\\0' "$#" "$@"`]);
  if (error) throw error;
  if (status !== 0) return null;
  const [count, ...words] = stdout.toString('utf8').split('\0').slice(0, -1);
  expect(words).toHaveLength(Number(count));
  return words;
}

/** The words that splitWords reads; null if it throws. */
function ourWords(line: string): string[] | null {
  try {
    return splitWords(line);
  } catch {
    return null;
  }
}

const LINES: [line: string, words: string[]][] = [
  ['', []],
  ['   ', []],
  ['bundle exec puma -C config/puma.rb', ['bundle', 'exec', 'puma', '-C', 'config/puma.rb']],
  ['  two\t words \t', ['two', 'words']],
  [`''`, ['']],
  [`""`, ['']],
  [`a '' b`, ['a', '', 'b']],
  [`a''b`, ['ab']],
  [`a"b c"d'e f'g`, ['ab cde fg']],
  [`'single "inside" \\ $HOME \`'`, ['single "inside" \\ $HOME `']],
  [`"double 'inside'"`, [`double 'inside'`]],
  [`"a\\"b" "c\\\\d" "e\\$f" "g\\\`h"`, ['a"b', 'c\\d', 'e$f', 'g`h']],
  [`"keeps \\n \\x \\' \\ "`, [`keeps \\n \\x \\' \\ `]],
  [`a\\ b`, ['a b']],
  [`\\a\\"\\'\\\\`, [`a"'\\`]],
  [`\\  x`, [' ', 'x']],
  [`--tag='a b'c\\ d"e f"`, ['--tag=a bc de f']],
  [`'it'\\''s'`, ["it's"]],
  ['"two\nlines"', ['two\nlines']],
  [`'two\nlines'`, ['two\nlines']],
  ['"joined \\\nline"', ['joined line']],
  [`'kept \\\nline'`, ['kept \\\nline']],
  [`'\\\n'`, ['\\\n']],
  ['bundle exec \\\n  puma \\\n  -C config/puma.rb', ['bundle', 'exec', 'puma', '-C', 'config/puma.rb']],
  ['jo\\\nined', ['joined']],
  ['\\\n', []],
  ['a \\\n', ['a']],
  [`a ''\\\n`, ['a', '']],
  ['no\u00a0break em\u2003space', ['no\u00a0break', 'em\u2003space']],
  ['form\ffeed vertical\vtab', ['form\ffeed', 'vertical\vtab']],
  ['carriage\r return\r', ['carriage\r', 'return\r']],
  ['grüße \\😀 "\\é" ‘’', ['grüße', '😀', '\\é', '‘’']],
  ['a=b --c=d,e:f@g%h+i', ['a=b', '--c=d,e:f@g%h+i']],
];

describe('splitWords', () => {
  test.each(LINES)('%j as bash reads it', (line, words) => {
    expect(bashWords(line)).toEqual(words);
    expect(splitWords(line)).toEqual(words);
  });

  test.each([
    [`'open`, `an unclosed '`],
    [`"open`, 'an unclosed "'],
    [`a "b' c`, 'an unclosed "'],
    [`it's`, `an unclosed '`],
    [`"ends with \\"`, 'an unclosed "'],
    [`"\\`, 'an unclosed "'],
  ])('%j is an error, as in bash', (line, message) => {
    expect(bashWords(line)).toBeNull();
    expect(() => splitWords(line)).toThrow(message);
  });

  test('a backslash at the end is an error', () => {
    expect(() => splitWords('puma \\')).toThrow('a backslash at the end');
  });

  test.each([
    ['puma -p $PORT', ['puma', '-p', '$PORT']],
    ['echo ~ *.rb {a,b} # x', ['echo', '~', '*.rb', '{a,b}', '#', 'x']],
    ['a && b; c | d > e &', ['a', '&&', 'b;', 'c', '|', 'd', '>', 'e', '&']],
    ['echo "$(id)" `id`', ['echo', '$(id)', '`id`']],
    ['one\ntwo', ['one', 'two']],
  ])('%j: nothing is expanded and nothing is run', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test('any mix of spaces, quotes and backslashes, as bash reads it', () => {
    // A backslash always precedes another character: before a newline it would continue the command for bash.
    const quoting = [`'`, '"', `\\'`, '\\"', '\\\\', '\\ ', '\\a', '\\$', '\\\n'];
    const piece = fc.constantFrom(...quoting, ' ', '\t', 'a', 'bc', '-x', 'é', '\u00a0', '😀', '\r');
    const lines = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(lines, (line) => {
        expect(ourWords(line)).toEqual(bashWords(line));
      }),
      { numRuns: 150 },
    );
  });
});

describe('joinWords', () => {
  test.each([
    [['bundle', 'exec', 'rails', 'runner', 'Rails.cache.clear'], 'bundle exec rails runner Rails.cache.clear'],
    [['sidekiq', '-q', 'default,8', '-q', 'pull'], 'sidekiq -q default,8 -q pull'],
    [['node', './streaming', '--a=b'], 'node ./streaming --a=b'],
    [['sh', '-c', 'exec puma'], `sh -c 'exec puma'`],
    [["it's", ''], `'it'\\''s' ''`],
    [['*', 'a?', '~', '{a,b}', '$HOME', '#'], `'*' 'a?' '~' '{a,b}' '$HOME' '#'`],
    [[], ''],
  ])('%j as %s', (words, line) => {
    expect(joinWords(words)).toBe(line);
    expect(bashWords(line)).toEqual(words);
  });

  const anyWords = fc.array(fc.string({ unit: 'grapheme' }).filter((word) => !word.includes('\0')));

  test('splitWords gives the words back', () => {
    fc.assert(
      fc.property(anyWords, (words) => {
        expect(splitWords(joinWords(words))).toEqual(words);
      }),
      { numRuns: 2000 },
    );
  });

  test('bash gives the words back', () => {
    fc.assert(
      fc.property(anyWords, (words) => {
        expect(bashWords(joinWords(words))).toEqual(words);
      }),
      { numRuns: 200 },
    );
  });
});
