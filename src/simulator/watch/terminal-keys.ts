import { StringDecoder } from 'node:string_decoder';

/** A letter as typed, or `enter`, `escape`, `backspace`, `ctrl-c`, `ctrl-z`; `other` is all that means nothing here. */
export type Key = string;

/** More at once than a person types is a paste, and none of it is meant for us. */
const TYPED_MOST = 8;
/** Longer than any sequence of a keyboard. */
const SEQUENCE_MOST = 32;
const PASTE_START = '\x1b[200~';
const PASTE_END = '\x1b[201~';
/** A paste's ends, CSI and SS3 (arrows, F keys), control strings (answers of the terminal), Alt and a letter, a letter. */
// eslint-disable-next-line no-control-regex
const TOKEN = /\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\x1b\0-\x1f]|[^]/gu;
// eslint-disable-next-line no-control-regex
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*|O)$/;

const NAMES: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\x1b': 'escape',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'ctrl-c',
  '\x1c': 'ctrl-c', // Ctrl-\: whoever presses it wants to get out
  '\x1a': 'ctrl-z',
};

/** The keys in what a terminal in raw mode sends, however the bytes are cut. */
export class TerminalKeys {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #isPaste = false;

  read(bytes: Buffer): Key[] {
    const text = this.#rest + this.#decoder.write(bytes);
    const begun = BEGUN.exec(text)?.[0] ?? '';
    this.#rest = begun.length < SEQUENCE_MOST ? begun : '';
    const whole = text.slice(0, text.length - begun.length);
    const keys = [...whole.matchAll(TOKEN)].flatMap(([token]) => this.#key(token));
    return keys.length <= TYPED_MOST ? keys : keys.filter((key) => key === 'ctrl-c');
  }

  #key(token: string): Key[] {
    if (token === PASTE_START) this.#isPaste = true;
    const key = NAMES[token] ?? (isPrintable(token) ? token : 'other');
    const isPasted = this.#isPaste && key !== 'ctrl-c';
    if (token === PASTE_END || key === 'ctrl-c') this.#isPaste = false; // also where the end of a paste got lost
    return isPasted ? [] : [key];
  }
}

function isPrintable(token: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(token) && !token.startsWith('\x1b');
}
