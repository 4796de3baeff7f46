/** Colours and weights: the only sequences that change nothing but how the text after them looks. */
const SGR = /^.\[[\d;:]*m$/s;
/** OSC, DCS and their like with their end; CSI; what else starts with ESC; every control but the tab. [ECMA-48 5, xterm] */
const CONTROL = new RegExp(
  [
    String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)`,
    String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]`,
    String.raw`\x1b[ -/]*[0-~]?`,
    String.raw`[\0-\x08\n-\x1f\x7f-\x9f]`,
  ].join('|'),
  'g',
);

/** Text that only prints: no sequence in it moves the cursor, clears anything or asks the terminal for something. */
export function withoutControls(text: string, { colours = false } = {}): string {
  return text.replaceAll(CONTROL, (found) => (colours && SGR.test(found) ? found : ''));
}

/** How many columns a terminal takes for a text without controls. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const letter of text) columns += columnsOfLetter(letter);
  return columns;
}

/** At most so many columns; what was cut shows as `…`. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let taken = '';
  let left = columns - 1;
  for (const letter of text) {
    left -= columnsOfLetter(letter);
    if (left < 0) break;
    taken += letter;
  }
  return columns > 0 ? `${taken}…` : '';
}

/** Marks that sit on the letter before them, and joiners; not the one that makes a picture of a letter (U+FE0F). */
const UNSEEN = /^(?!\ufe0f)[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]$/u;
/** East Asian Width W and F, and what terminals show as a picture. [Unicode: UAX 11] */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

function columnsOfLetter(letter: string): number {
  if (letter >= ' ' && letter <= '~') return 1;
  if (UNSEEN.test(letter)) return 0;
  return WIDE.test(letter) ? 2 : 1;
}
