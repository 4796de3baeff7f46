import { isatty } from 'node:tty';
import { clock } from '../../process/runtime.ts';
import type { Cancel } from '../../host.ts';
import { Output } from '../../output/output.ts';
import type { Simulation } from '../simulation.ts';
import { type Key, KeyDecoder, RawMode } from './input.ts';
import { IDLE, type KeyState } from './key-prompts.ts';
import { handleKey, type KeyResult } from './keys.ts';
import { describeMissingLines, Screen } from './screen.ts';
import { promptLine, statusLine } from './status-line.ts';
import { formatLogLine, wantsColours } from './text.ts';
import { CLOSE_TIMEOUT_MS, type TerminalInput, type TerminalOptions, type TerminalUi } from './tty.ts';

/** Descriptors 0 and 1 of this process. */
export function ownTerminal(): Pick<TerminalOptions, 'input' | 'output'> {
  return {
    input: isatty(0) ? process.stdin : NO_INPUT,
    output: isatty(1) ? process.stdout : { fd: 1 },
  };
}

/** Prints the platform's log. A terminal also gets a status line and accepts keys; other outputs get plain lines only.
 * A slow reader loses lines, which are counted, but never blocks the simulation. */
export function openTerminal(simulation: Simulation, options: TerminalOptions): TerminalUi {
  const { input, output, env } = options;
  const isOnTerminal = output.isTTY === true;
  const colours = wantsColours(env, isOnTerminal);
  const lines = new Output(output.fd, clock, describeMissingLines);
  // a dumb terminal cannot erase a line
  const isLive = isOnTerminal && input.isTTY === true && env.TERM !== 'dumb';
  return isLive ? new LiveTerminal(simulation, options, lines, colours) : printLines(simulation, lines, colours);
}

function printLines(simulation: Simulation, lines: Output, colours: boolean): TerminalUi {
  const cancel = simulation.onLine((line) => void lines.write(`${formatLogLine(line, colours)}\n`));
  return {
    async close() {
      cancel();
      await lines.close(CLOSE_TIMEOUT_MS);
    },
  };
}

const NO_INPUT: TerminalInput = { on() {}, off() {}, resume() {}, pause() {} };

/** How long the last line shows an action's result. */
const NOTE_MS = 5000;
/** For terminals that report a width of 0. */
const DEFAULT_COLUMNS = 80;

/** Log, last line and keys on a real terminal. */
class LiveTerminal implements TerminalUi {
  readonly #simulation: Simulation;
  readonly #options: TerminalOptions;
  readonly #output: Output;
  readonly #colours: boolean;
  readonly #keys = new KeyDecoder();
  readonly #screen: Screen;
  readonly #mode: RawMode;
  readonly #cancels: readonly Cancel[];
  #state: KeyState = IDLE;
  #prompt: string | null = null;
  #note: { text: string; isError: boolean } | null = null;
  #cancelNoteTimer: Cancel = () => {};

  constructor(simulation: Simulation, options: TerminalOptions, output: Output, colours: boolean) {
    this.#simulation = simulation;
    this.#options = options;
    this.#output = output;
    this.#colours = colours;
    this.#screen = new Screen(output, clock, () => this.#lastLine());
    this.#mode = new RawMode(options.input, {
      onEnter: () => this.#screen.show(),
      onLeave: () => this.#screen.hide(),
      onInput: (bytes) => this.#read(bytes),
    });
    this.#cancels = this.#subscribe();
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancelNoteTimer();
    this.#mode.close();
    this.#screen.hide();
    await this.#output.close(CLOSE_TIMEOUT_MS);
  }

  #subscribe(): Cancel[] {
    const { output } = this.#options;
    const resized = (): void => this.#screen.update();
    output.on?.('resize', resized);
    return [
      this.#simulation.onLine((line) => this.#screen.print(formatLogLine(line, this.#colours))),
      this.#simulation.onView(() => {
        this.#mode.enter(); // the shell may just have made this the foreground job
        this.#screen.update();
      }),
      () => output.off?.('resize', resized),
    ];
  }

  #read(bytes: Buffer): void {
    for (const key of this.#keys.read(bytes)) {
      if (key === 'ctrl-z') this.#mode.suspend();
      else this.#press(key);
    }
    this.#screen.draw();
  }

  #press(key: Key): void {
    const context = { view: this.#simulation.view(), pageUrl: this.#options.pageUrl };
    const { state, action, prompt, note, print } = handleKey(this.#state, key, context);
    [this.#state, this.#prompt] = [state, prompt];
    for (const text of print) this.#screen.print(text);
    if (note !== null) this.#showNote(note, true);
    if (action !== null) void this.#perform(action);
  }

  async #perform(action: NonNullable<KeyResult['action']>): Promise<void> {
    if (action.type === 'quit') return this.#options.quit();
    if (action.type === 'quit-at-once') return this.#options.quitNow();
    this.#showNote(`${action.type} …`, false);
    const { ok, text } = await this.#simulation.act(action);
    this.#showNote(text, !ok);
    this.#screen.draw();
  }

  #showNote(text: string, isError: boolean): void {
    const note = { text, isError };
    this.#note = note;
    this.#cancelNoteTimer();
    this.#cancelNoteTimer = clock.after(NOTE_MS, () => {
      this.#note = null;
      this.#screen.update();
    });
  }

  #lastLine(): string {
    const columns = (this.#options.output.columns || DEFAULT_COLUMNS) - 1; // some terminals wrap after the last column
    const status = (columns: number): string => statusLine(this.#simulation.view(), columns, this.#colours);
    const isQuestion = this.#state.mode !== 'quitting';
    const note = this.#prompt === null ? this.#note : { text: this.#prompt, isError: false };
    if (note === null) return status(columns);
    return promptLine({ ...note, isQuestion: isQuestion && this.#prompt !== null }, columns, this.#colours, status);
  }
}
