/** What the keys do; each is the id of the button that does the same. */
export const SHORTCUTS: Readonly<Record<string, string>> = {
  d: 'deploy',
  r: 'restart',
  k: 'kill',
  c: 'kill',
  f: 'flood',
  s: 'open-stream',
  x: 'close-stream',
  u: 'quota',
  l: 'log-reader',
  '/': 'filter',
  q: 'quit',
  '?': 'help',
};

export type Press = {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  repeat: boolean;
  /** Where the letters would go: the name of the element, for an `input` with its type. */
  into: string;
};

const TAKES_LETTERS = /^(textarea|select|editable|input (?!radio$|checkbox$|button$|submit$))/;

/** What a key press asks for; null while somebody types, or has a modifier in hand. */
export function shortcutOf({ key, ctrlKey, altKey, metaKey, repeat, into }: Press): string | null {
  if (ctrlKey || altKey || metaKey || repeat || TAKES_LETTERS.test(into)) return null;
  const letter = key.toLowerCase();
  return Object.hasOwn(SHORTCUTS, letter) ? (SHORTCUTS[letter] ?? null) : null;
}
