/** Splits a command line into words as a shell would, with quotes and backslashes. It expands nothing and runs no
 * shell. A line break separates words like a space.
 * @throws Error with a message such as `an unclosed "` */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let rest = text; rest !== '';) {
    const piece = nextPiece(rest);
    rest = rest.slice(piece.length);
    if (piece.kind === 'separator') {
      if (word !== null) words.push(word);
      word = null;
    } else if (piece.kind === 'text') word = (word ?? '') + piece.text;
  }
  return word === null ? words : [...words, word];
}

/** Quotes words so that a shell, and splitWords, read the same words back. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/** A command line for the log: without secrets, and as a shell would read it. */
export function describeCommand(words: readonly string[]): string {
  return joinWords(words.map(redact));
}

/** Hides database and Redis URLs, and any other URL with a user or password. A password may contain any character, so
 * everything after the scheme is hidden up to the end of the text: redact a command line word by word. */
export function redact(text: string): string {
  return text
    .replace(/(postgres|postgresql|redis|rediss):\/\/[^]*/i, '$1://[hidden]')
    .replace(/([a-z][a-z0-9+.-]*):\/\/[^]*@[^]*/i, '$1://[hidden]');
}

type Piece =
  | { length: number; kind: 'separator' }
  | { length: number; kind: 'text'; text: string }
  /** A backslash at the end of a line: it neither belongs to a word nor separates words. */
  | { length: number; kind: 'continuation' };

function nextPiece(rest: string): Piece {
  const separator = /^[ \t\n]+/.exec(rest);
  if (separator) return { length: separator[0].length, kind: 'separator' };
  const first = rest.charAt(0);
  switch (first) {
    case "'":
      return quotedPiece(rest, /^'([^']*)'/, (inner) => inner);
    case '"':
      return quotedPiece(rest, /^"((?:[^"\\]|\\[^])*)"/, (inner) => inner.replace(/\\(["\\$`\n])/g, unescape));
    case '\\':
      if (rest.length === 1) throw new Error('a backslash at the end');
      if (rest.startsWith('\\\n')) return { length: 2, kind: 'continuation' };
      return { length: 2, kind: 'text', text: rest.charAt(1) };
    default:
      return plainPiece(/^[^ \t\n'"\\]+/.exec(rest)?.[0] ?? '');
  }
}

function quotedPiece(rest: string, pattern: RegExp, read: (inner: string) => string): Piece {
  const match = pattern.exec(rest);
  if (!match) throw new Error(`an unclosed ${rest.charAt(0)}`);
  return { length: match[0].length, kind: 'text', text: read(match[1] ?? '') };
}

function plainPiece(text: string): Piece {
  return { length: text.length, kind: 'text', text };
}

function unescape(_: string, character: string): string {
  return character === '\n' ? '' : character;
}
