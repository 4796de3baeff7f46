import type { LogLine } from '../simulation.ts';

/** Colours and weights: the only sequences that do not move the cursor or change the screen. */
const SGR = /^.\[[\d;:]*m$/s;
/** OSC, DCS and similar with their end; CSI; other ESC sequences; every control character but tab. [ECMA-48 5, xterm] */
const CONTROL = new RegExp(
  [
    String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)`,
    String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]`,
    String.raw`\x1b[ -/]*[0-~]?`,
    String.raw`[\0-\x08\n-\x1f\x7f-\x9f]`,
  ].join('|'),
  'g',
);

/** Removes sequences that move the cursor, clear anything or query the terminal. */
export function withoutControls(text: string, { colours = false } = {}): string {
  return text.replaceAll(CONTROL, (found) => (colours && SGR.test(found) ? found : ''));
}

/** The number of terminal columns of a text without control characters. */
export function countColumns(text: string): number {
  let columns = 0;
  for (const letter of text) columns += columnsOfCharacter(letter);
  return columns;
}

/** At most this many columns. A cut text ends with `…`. */
export function truncate(text: string, columns: number): string {
  if (countColumns(text) <= columns) return text;
  let taken = '';
  let left = columns - 1;
  for (const letter of text) {
    left -= columnsOfCharacter(letter);
    if (left < 0) break;
    taken += letter;
  }
  return columns > 0 ? `${taken}…` : '';
}

/** Combining marks and joiners, without U+FE0F, which selects the emoji form. */
const ZERO_WIDTH = /^(?!\ufe0f)[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]$/u;
/** East Asian Width W and F, and emoji. [Unicode: UAX 11] */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

function columnsOfCharacter(letter: string): number {
  if (letter >= ' ' && letter <= '~') return 1;
  if (ZERO_WIDTH.test(letter)) return 0;
  return WIDE.test(letter) ? 2 : 1;
}

const CODES = {
  bold: '1',
  dim: '2',
  red: '1;31',
  cyan: '36',
  yellow: '33',
  green: '32',
  magenta: '35',
  blue: '34',
  brightCyan: '96',
  brightYellow: '93',
  brightGreen: '92',
  brightMagenta: '95',
  brightBlue: '94',
} as const;

export type Style = keyof typeof CODES;

/** In this order. Red is reserved for errors. */
const NAME_STYLES = (Object.keys(CODES) as Style[]).filter((style) => !['bold', 'dim', 'red'].includes(style));

/** As Node does: FORCE_COLOR first, then NO_COLOR, then the type of the output. [nodejs.org: tty,
 * writeStream.getColorDepth] */
export function wantsColours(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return isTerminal && env.TERM !== 'dumb';
}

export function paint(text: string, style: Style): string {
  return text === '' ? '' : `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** Chosen so that the usual dynos get different colours. */
const FACTOR = 54;

/** The same name has the same colour in every run. */
export function colourForName(name: string): Style {
  let hash = 0;
  for (const letter of name) hash = (hash * FACTOR + (letter.codePointAt(0) ?? 0)) % 65_521;
  return NAME_STYLES[hash % NAME_STYLES.length] ?? 'cyan';
}

/** Errors in the platform's lines. */
const ERROR_PATTERN = /\bError [RHL]\d\d\b|\bat=error\b|\bcrashed\b/;

/** Formats a line as the platform does: `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`. Cursor movements are
 * removed; the text's own colours are kept when colours are on. [D: Logging, Log format] */
export function formatLogLine(line: LogLine, colours: boolean): string {
  const origin = `${line.source}[${withoutControls(line.from)}]:`;
  if (!colours) return `${timestamp(line.atMs)} ${origin} ${withoutControls(line.text)}`;
  return `${paint(timestamp(line.atMs), 'dim')} ${paint(origin, colourForName(line.from))} ${colouredText(line)}`;
}

function colouredText({ source, text }: LogLine): string {
  if (source === 'heroku' && ERROR_PATTERN.test(text)) return paint(withoutControls(text), 'red');
  const safe = withoutControls(text, { colours: true });
  return safe.includes('\x1b') ? `${safe}\x1b[0m` : safe;
}

/** UTC, in microseconds. */
function timestamp(atMs: number): string {
  const micros = Math.floor(atMs * 1000);
  const wholeMs = Math.floor(micros / 1000);
  const rest = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${rest}+00:00`;
}
