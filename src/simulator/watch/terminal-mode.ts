import { isInForeground, stopJob } from './terminal-job.ts';
import type { TerminalInput } from './terminal-options.ts';

/** Called with the terminal's mode ours and a place for the last line (`up`), and before either goes (`down`). */
type Sides = { up: () => void; down: () => void; keys: (bytes: Buffer) => void };

/** Raw mode, for as long as we are the terminal's foreground job; given back when we stop, end or fall. */
export class TerminalMode {
  readonly #input: TerminalInput;
  readonly #sides: Sides;
  readonly #listeners: readonly (readonly [event: string, listener: () => void])[];
  #isTaken = false;

  constructor(input: TerminalInput, sides: Sides) {
    this.#input = input;
    this.#sides = sides;
    this.#listeners = [
      ['SIGTSTP', this.#onStop],
      ['SIGCONT', this.#onContinue],
      ['exit', this.#giveBack],
      ['uncaughtExceptionMonitor', this.#giveBack],
    ];
    for (const [event, listener] of this.#listeners) process.on(event, listener);
    input.on('error', ignore);
    input.on('data', sides.keys);
    input.pause();
    this.take();
  }

  /** Takes the terminal, where it is ours to take and not taken yet. */
  take(): void {
    if (this.#isTaken || !isInForeground()) return;
    this.#isTaken = true;
    this.#setRaw(false); // what it was set to before, a shell may have undone
    this.#setRaw(true);
    this.#input.resume();
    this.#sides.up();
  }

  /** Stops the whole job, as Ctrl-Z does elsewhere. */
  suspend(): void {
    this.#stop(true);
  }

  /** Gives the terminal back for good. */
  close(): void {
    this.#giveBack();
    for (const [event, listener] of this.#listeners) process.off(event, listener);
    this.#input.off('data', this.#sides.keys);
  }

  readonly #giveBack = (): void => {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#sides.down();
    this.#input.pause(); // a background job that reads is stopped
    if (isInForeground()) this.#setRaw(false);
  };

  readonly #onStop = (): void => this.#stop(false);

  readonly #onContinue = (): void => {
    this.#giveBack();
    this.take();
  };

  #stop(wholeJob: boolean): void {
    this.#giveBack();
    stopJob(wholeJob, this.#onStop);
    this.take();
  }

  #setRaw(isRaw: boolean): void {
    try {
      this.#input.setRawMode?.(isRaw);
    } catch {
      // the terminal is gone
    }
  }
}

/** A terminal that is gone says HUP as well. */
function ignore(): void {}
