/** What may wait here while the terminal takes nothing. */
const WAITING_MOST = 262_144;
const FRAME_MOST = 32_768;

/** Lines until they can be written: bounded, and what found no room is named at its place. */
export class WaitingLines {
  #lines: string[] = [];
  #length = 0;
  #missing = 0;

  add(text: string): void {
    if (this.#missing > 0 || this.#length + text.length > WAITING_MOST) {
      this.#missing += 1;
      return;
    }
    this.#lines.push(`${text}\n`);
    this.#length += text.length + 1;
  }

  /** More than one frame should have. */
  get areMany(): boolean {
    return this.#length > FRAME_MOST;
  }

  take(): string {
    const lines = this.#lines.join('') + (this.#missing > 0 ? missingLines(this.#missing) : '');
    this.#lines = [];
    [this.#length, this.#missing] = [0, 0];
    return lines;
  }
}

/** What stands in the place of lines that the reader of our output did not take in time. */
export function missingLines(count: number): string {
  return `… ${count} ${count === 1 ? 'line is' : 'lines are'} missing here: nobody read ${count === 1 ? 'it' : 'them'} in time\n`;
}
