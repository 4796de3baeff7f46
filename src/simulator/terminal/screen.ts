import type { Cancel, Clock } from '../../host.ts';
import type { Output } from '../../output/output.ts';

/** Lines within this time are drawn together. */
const LINES_EVERY_MS = 50;
/** The minimum time between updates of the last line. */
const LAST_LINE_EVERY_MS = 200;
/** Moves to the first column and clears the line. */
const ERASE = '\r\x1b[K';
/** Makes the terminal mark the start and end of a paste. [xterm: Bracketed Paste Mode] */
const BRACKETED_PASTE_ON = '\x1b[?2004h';
const BRACKETED_PASTE_OFF = '\x1b[?2004l';

/** A scrolling log with one fixed line below it. The log is only appended to, so that it is complete in the scrollback.
 * The last line is erased before each batch and written again after it. Nothing is drawn while the terminal does not
 * read: lines are buffered, and counted beyond a limit. If a narrower terminal has wrapped the last line, its first
 * part stays in the log. Terminals differ in whether they wrap it, and erasing the row above would delete a log line on
 * others. */
export class Screen {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #lastLine: () => string;
  readonly #buffer = new LineBuffer();
  /** The last line as shown, '' for none. */
  #shownLastLine = '';
  #isShown = false;
  #isStale = false;
  /** Frames not yet written. */
  #pendingFrames = 0;
  #drawnAtMs = -Infinity;
  #timer: { atMs: number; cancel: Cancel } | null = null;

  constructor(output: Output, clock: Clock, lastLine: () => string) {
    this.#output = output;
    this.#clock = clock;
    this.#lastLine = lastLine;
  }

  /** Prints a log line above the last line. */
  print(text: string): void {
    this.#buffer.add(text);
    if (this.#buffer.isFrameFull && this.#pendingFrames === 0) this.draw();
    else this.#drawLater(LINES_EVERY_MS);
  }

  /** Redraws the last line soon. */
  update(): void {
    this.#drawLater(LAST_LINE_EVERY_MS);
  }

  draw(): void {
    this.#isStale = this.#pendingFrames > 0;
    if (!this.#isStale) void this.#write(this.#isShown ? this.#lastLine() : '');
  }

  /** Removes the last line until the next `show`. Buffered lines are still written. */
  hide(): void {
    const mode = this.#isShown ? BRACKETED_PASTE_OFF : '';
    this.#isShown = false;
    void this.#write('', mode);
  }

  show(): void {
    this.#isShown = true;
    void this.#write(this.#lastLine(), BRACKETED_PASTE_ON);
  }

  async #write(last: string, mode = ''): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    const lines = this.#buffer.take();
    if (lines === '' && last === this.#shownLastLine && mode === '') return;
    const frame = `${this.#shownLastLine === '' ? '' : ERASE}${lines}${last}${mode}`;
    [this.#shownLastLine, this.#drawnAtMs] = [last, this.#clock.now()];
    this.#pendingFrames += 1;
    await this.#output.writeFromChild(Buffer.from(frame));
    this.#pendingFrames -= 1;
    if (this.#isStale) this.draw();
  }

  #drawLater(everyMs: number): void {
    const now = this.#clock.now();
    const atMs = Math.max(now, this.#drawnAtMs + everyMs);
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    this.#timer = { atMs, cancel: this.#clock.after(atMs - now, () => this.draw()) };
  }
}

/** In characters: the buffer while the terminal does not read, and the size of a frame. */
const MAX_BUFFERED = 262_144;
const MAX_FRAME = 32_768;

/** A bounded buffer of lines. Lines that do not fit are counted and replaced by a notice. */
class LineBuffer {
  #lines: string[] = [];
  #length = 0;
  #missing = 0;

  add(text: string): void {
    if (this.#missing > 0 || this.#length + text.length > MAX_BUFFERED) {
      this.#missing += 1;
      return;
    }
    this.#lines.push(`${text}\n`);
    this.#length += text.length + 1;
  }

  /** The buffer exceeds the size of a frame. */
  get isFrameFull(): boolean {
    return this.#length > MAX_FRAME;
  }

  take(): string {
    const lines = this.#lines.join('') + (this.#missing > 0 ? describeMissingLines(this.#missing) : '');
    this.#lines = [];
    [this.#length, this.#missing] = [0, 0];
    return lines;
  }
}

/** The notice in place of lines that were dropped because the reader was too slow. */
export function describeMissingLines(count: number): string {
  return `… ${count} ${count === 1 ? 'line is' : 'lines are'} missing here: the terminal was too slow\n`;
}
