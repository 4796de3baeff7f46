import { StringDecoder } from 'node:string_decoder';
import { isInForeground, stopJob, type TerminalInput } from './tty.ts';

/** A typed character, or `enter`, `escape`, `backspace`, `ctrl-c`, `ctrl-z`. `other` has no meaning here. */
export type Key = string;

/** More keys at once are a paste, which is ignored. */
const MAX_TYPED = 8;
/** Longer than any key's escape sequence. */
const MAX_SEQUENCE = 32;
const PASTE_START = '\x1b[200~';
const PASTE_END = '\x1b[201~';
/** A paste marker, CSI and SS3 (arrows, F keys), control strings (terminal replies), Alt and a letter, a single
 * letter. */
// eslint-disable-next-line no-control-regex
const TOKEN = /\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\x1b\0-\x1f]|[^]/gu;
// eslint-disable-next-line no-control-regex
const INCOMPLETE = /\x1b(?:\[[0-?]*[ -/]*|O)$/;

const NAMES: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\x1b': 'escape',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'ctrl-c',
  '\x1c': 'ctrl-c', // Ctrl-\ asks to quit, too
  '\x1a': 'ctrl-z',
};

/** Decodes the keys that a terminal in raw mode sends, however the bytes arrive. */
export class KeyDecoder {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #isPaste = false;

  read(bytes: Buffer): Key[] {
    const text = this.#rest + this.#decoder.write(bytes);
    const incomplete = INCOMPLETE.exec(text)?.[0] ?? '';
    this.#rest = incomplete.length < MAX_SEQUENCE ? incomplete : '';
    const whole = text.slice(0, text.length - incomplete.length);
    const keys = [...whole.matchAll(TOKEN)].flatMap(([token]) => this.#key(token));
    return keys.length <= MAX_TYPED ? keys : keys.filter((key) => key === 'ctrl-c');
  }

  #key(token: string): Key[] {
    if (token === PASTE_START) this.#isPaste = true;
    const key = NAMES[token] ?? (isPrintable(token) ? token : 'other');
    const isPasted = this.#isPaste && key !== 'ctrl-c';
    if (token === PASTE_END || key === 'ctrl-c') this.#isPaste = false; // also if the end marker of a paste got lost
    return isPasted ? [] : [key];
  }
}

function isPrintable(token: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(token) && !token.startsWith('\x1b');
}

/** onEnter: raw mode is on and the last line may be drawn. onLeave: called before raw mode ends. */
type RawModeListener = { onEnter: () => void; onLeave: () => void; onInput: (bytes: Buffer) => void };

/** Raw mode while this process is in the terminal's foreground job. Restored on stop, exit and crash. */
export class RawMode {
  readonly #input: TerminalInput;
  readonly #listener: RawModeListener;
  readonly #listeners: readonly (readonly [event: string, listener: () => void])[];
  #isRaw = false;

  constructor(input: TerminalInput, listener: RawModeListener) {
    this.#input = input;
    this.#listener = listener;
    this.#listeners = [
      ['SIGTSTP', this.#onStop],
      ['SIGCONT', this.#onContinue],
      ['exit', this.#leave],
      ['uncaughtExceptionMonitor', this.#leave],
    ];
    for (const [event, listener] of this.#listeners) process.on(event, listener);
    input.on('error', () => {}); // a closed terminal also sends HUP, which is handled elsewhere
    input.on('data', listener.onInput);
    input.pause();
    this.enter();
  }

  /** Enters raw mode if this is the foreground job. */
  enter(): void {
    if (this.#isRaw || !isInForeground()) return;
    this.#isRaw = true;
    this.#setRaw(false); // a shell may have changed the mode that Node believes to be set
    this.#setRaw(true);
    this.#input.resume();
    this.#listener.onEnter();
  }

  /** Stops the whole job, as Ctrl-Z does elsewhere. */
  suspend(): void {
    this.#stop(true);
  }

  /** Restores the terminal for good. */
  close(): void {
    this.#leave();
    for (const [event, listener] of this.#listeners) process.off(event, listener);
    this.#input.off('data', this.#listener.onInput);
  }

  readonly #leave = (): void => {
    if (!this.#isRaw) return;
    this.#isRaw = false;
    this.#listener.onLeave();
    this.#input.pause(); // reading in a background job would stop this process
    if (isInForeground()) this.#setRaw(false);
  };

  readonly #onStop = (): void => this.#stop(false);

  readonly #onContinue = (): void => {
    this.#leave();
    this.enter();
  };

  #stop(wholeJob: boolean): void {
    this.#leave();
    stopJob(wholeJob, this.#onStop);
    this.enter();
  }

  #setRaw(isRaw: boolean): void {
    try {
      this.#input.setRawMode?.(isRaw);
    } catch {
      // the terminal is closed
    }
  }
}
