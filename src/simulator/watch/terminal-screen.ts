import type { Cancel, Clock } from '../../host.ts';
import type { Output } from '../../output/output.ts';
import { WaitingLines } from './waiting-lines.ts';

/** Lines that come closer together are drawn together. */
const LINES_EVERY_MS = 50;
/** The last line alone changes no more often. */
const LAST_LINE_EVERY_MS = 200;
/** To the first column, and nothing from there on. */
const ERASE = '\r\x1b[K';
/** Whether the terminal says where a paste begins and ends. [xterm: Bracketed Paste Mode] */
const PASTES_MARKED = '\x1b[?2004h';
const PASTES_AS_TYPED = '\x1b[?2004l';

/**
 * A log that scrolls by and one line below it that stays. The log is only ever appended to, so that it stands whole in the
 * scrollback; the last line is erased before each batch and written anew after it. Nothing is drawn while the terminal
 * takes nothing: lines wait, and beyond a bound they are counted instead.
 *
 * Where a terminal that got narrower has wrapped the last line, its first part stays in the log: terminals differ in
 * whether they wrap it, and to erase the row above it would cost others a line of the log.
 */
export class Screen {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #lastLine: () => string;
  readonly #waiting = new WaitingLines();
  /** As it stands on the terminal; '' for none. */
  #last = '';
  #isShown = false;
  #isStale = false;
  /** Frames that the output has not taken yet. */
  #held = 0;
  #drawnAtMs = -Infinity;
  #timer: { atMs: number; cancel: Cancel } | null = null;

  constructor(output: Output, clock: Clock, lastLine: () => string) {
    this.#output = output;
    this.#clock = clock;
    this.#lastLine = lastLine;
  }

  /** A line for the log; above the last line, for ever. */
  print(text: string): void {
    this.#waiting.add(text);
    if (this.#waiting.areMany && this.#held === 0) this.draw();
    else this.#drawLater(LINES_EVERY_MS);
  }

  /** The last line may be another now. */
  changed(): void {
    this.#drawLater(LAST_LINE_EVERY_MS);
  }

  draw(): void {
    this.#isStale = this.#held > 0;
    if (!this.#isStale) void this.#write(this.#isShown ? this.#lastLine() : '');
  }

  /** No last line until the next `show`; all that was printed goes on its way. */
  hide(): void {
    const mode = this.#isShown ? PASTES_AS_TYPED : '';
    this.#isShown = false;
    void this.#write('', mode);
  }

  show(): void {
    this.#isShown = true;
    void this.#write(this.#lastLine(), PASTES_MARKED);
  }

  async #write(last: string, mode = ''): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    const lines = this.#waiting.take();
    if (lines === '' && last === this.#last && mode === '') return;
    const frame = `${this.#last === '' ? '' : ERASE}${lines}${last}${mode}`;
    [this.#last, this.#drawnAtMs] = [last, this.#clock.now()];
    this.#held += 1;
    await this.#output.writeFromChild(Buffer.from(frame));
    this.#held -= 1;
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
