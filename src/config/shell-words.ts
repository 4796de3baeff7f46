/** Splits a command line into words as a shell would: blanks, quotes, backslashes. Nothing is expanded, no shell runs,
 * and the end of a line is a blank.
 * @throws Error that says which quote is left open. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let rest = text; rest !== '';) {
    const piece = nextPiece(rest);
    rest = rest.slice(piece.length);
    if (piece.is === 'blanks') {
      if (word !== null) words.push(word);
      word = null;
    } else if (piece.is === 'text') word = (word ?? '') + piece.text;
  }
  return word === null ? words : [...words, word];
}

/** The words as one line that a shell (and splitWords) reads back as the same words. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

type Piece =
  | { length: number; is: 'blanks' }
  | { length: number; is: 'text'; text: string }
  /** A backslash at the end of a line: neither part of a word nor between two. */
  | { length: number; is: 'continuation' };

function nextPiece(rest: string): Piece {
  const blanks = /^[ \t\n]+/.exec(rest);
  if (blanks) return { length: blanks[0].length, is: 'blanks' };
  const first = rest.charAt(0);
  switch (first) {
    case "'":
      return quoted(rest, /^'([^']*)'/, (inner) => inner);
    case '"':
      return quoted(rest, /^"((?:[^"\\]|\\[^])*)"/, (inner) => inner.replace(/\\(["\\$`\n])/g, unescape));
    case '\\':
      if (rest.length === 1) throw new Error('a backslash at the end');
      if (rest.startsWith('\\\n')) return { length: 2, is: 'continuation' };
      return { length: 2, is: 'text', text: rest.charAt(1) };
    default:
      return plain(/^[^ \t\n'"\\]+/.exec(rest)?.[0] ?? '');
  }
}

function quoted(rest: string, pattern: RegExp, read: (inner: string) => string): Piece {
  const match = pattern.exec(rest);
  if (!match) throw new Error(`an unclosed ${rest.charAt(0)}`);
  return { length: match[0].length, is: 'text', text: read(match[1] ?? '') };
}

function plain(text: string): Piece {
  return { length: text.length, is: 'text', text };
}

function unescape(_: string, character: string): string {
  return character === '\n' ? '' : character;
}
