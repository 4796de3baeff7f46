const CODES = {
  bold: '1',
  dim: '2',
  red: '1;31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
  brightGreen: '92',
  brightYellow: '93',
  brightBlue: '94',
  brightMagenta: '95',
  brightCyan: '96',
} as const;

export type Style = keyof typeof CODES;

/** For names: red is kept for what goes wrong. */
const OF_NAMES: readonly Style[] = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'brightCyan',
  'brightYellow',
  'brightGreen',
  'brightMagenta',
  'brightBlue',
];

/** As Node's own: FORCE_COLOR first, then NO_COLOR, then what the output is. [nodejs.org: tty, writeStream.getColorDepth] */
export function wantsColours(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return isTerminal && env.TERM !== 'dumb';
}

export function paint(text: string, style: Style): string {
  return text === '' ? '' : `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** With it the usual dynos all get colours of their own. */
const FACTOR = 54;

/** The same name has the same colour in every run. */
export function colourOf(name: string): Style {
  let hash = 0;
  for (const letter of name) hash = (hash * FACTOR + (letter.codePointAt(0) ?? 0)) % 65_521;
  return OF_NAMES[hash % OF_NAMES.length] ?? 'cyan';
}
