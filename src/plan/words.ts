/** Splits a command line into words as a shell would: blanks, quotes, backslashes. Nothing is expanded, no shell runs.
 * @throws Error that says which quote is left open. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let rest = text; rest !== '';) {
    const piece = nextPiece(rest);
    rest = rest.slice(piece.length);
    if (piece.text === null) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + piece.text;
  }
  return word === null ? words : [...words, word];
}

/** The words as one line that a shell (and splitWords) reads back as the same words. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/** text: what the piece adds to the word, null for the blanks between words. */
type Piece = { length: number; text: string | null };

function nextPiece(rest: string): Piece {
  const blank = /^\s+/.exec(rest);
  if (blank) return { length: blank[0].length, text: null };
  const first = rest.charAt(0);
  switch (first) {
    case "'":
      return quoted(rest, /^'([^']*)'/, (inner) => inner);
    case '"':
      return quoted(rest, /^"((?:[^"\\]|\\[^])*)"/, (inner) => inner.replace(/\\(["\\$`\n])/g, unescape));
    case '\\':
      if (rest.length === 1) throw new Error('a backslash at the end');
      return { length: 2, text: unescape('', rest.charAt(1)) };
    default:
      return plain(/^[^\s'"\\]+/.exec(rest)?.[0] ?? '');
  }
}

function quoted(rest: string, pattern: RegExp, read: (inner: string) => string): Piece {
  const match = pattern.exec(rest);
  if (!match) throw new Error(`an unclosed ${rest.charAt(0)}`);
  return { length: match[0].length, text: read(match[1] ?? '') };
}

function plain(text: string): Piece {
  return { length: text.length, text };
}

function unescape(_: string, character: string): string {
  return character === '\n' ? '' : character;
}
