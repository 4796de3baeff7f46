import { clock } from '../../process/clock.ts';
import type { Cancel } from '../../host.ts';
import type { Output } from '../../output/output.ts';
import type { Simulation } from '../simulation.ts';
import { AT_REST, type KeyState } from './key-state.ts';
import { next, type Step } from './keys.ts';
import { leadLine } from './lead-line.ts';
import { lineText } from './line-text.ts';
import { statusLine } from './status-line.ts';
import { TerminalKeys, type Key } from './terminal-keys.ts';
import { TerminalMode } from './terminal-mode.ts';
import { CLOSE_MOST_MS, type TerminalOptions, type Watching } from './terminal-options.ts';
import { Screen } from './terminal-screen.ts';

/** So long the last line shows what came of an action. */
const NOTE_MS = 5000;
/** Where a terminal does not say its size, it says 0. */
const USUAL_COLUMNS = 80;

/** The log, the last line and the keys, on a real terminal. */
export class LiveTerminal implements Watching {
  readonly #simulation: Simulation;
  readonly #options: TerminalOptions;
  readonly #output: Output;
  readonly #colours: boolean;
  readonly #keys = new TerminalKeys();
  readonly #screen: Screen;
  readonly #mode: TerminalMode;
  readonly #cancels: readonly Cancel[];
  #state: KeyState = AT_REST;
  #prompt: string | null = null;
  #note: { text: string; isTrouble: boolean } | null = null;
  #forgetNote: Cancel = () => {};

  constructor(simulation: Simulation, options: TerminalOptions, output: Output, colours: boolean) {
    this.#simulation = simulation;
    this.#options = options;
    this.#output = output;
    this.#colours = colours;
    this.#screen = new Screen(output, clock, () => this.#lastLine());
    this.#mode = new TerminalMode(options.input, {
      up: () => this.#screen.show(),
      down: () => this.#screen.hide(),
      keys: (bytes) => this.#read(bytes),
    });
    this.#cancels = this.#listen();
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#forgetNote();
    this.#mode.close();
    this.#screen.hide();
    await this.#output.close(CLOSE_MOST_MS);
  }

  #listen(): Cancel[] {
    const { output } = this.#options;
    const resized = (): void => this.#screen.changed();
    output.on?.('resize', resized);
    return [
      this.#simulation.onLine((line) => this.#screen.print(lineText(line, this.#colours))),
      this.#simulation.onView(() => {
        this.#mode.take(); // once the shell has made us its foreground job
        this.#screen.changed();
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
    const scene = { view: this.#simulation.view(), pageUrl: this.#options.pageUrl };
    const { state, action, prompt, note, print } = next(this.#state, key, scene);
    [this.#state, this.#prompt] = [state, prompt];
    for (const text of print) this.#screen.print(text);
    if (note !== null) this.#show(note, true);
    if (action !== null) void this.#perform(action);
  }

  async #perform(action: NonNullable<Step['action']>): Promise<void> {
    if (action.do === 'quit') return this.#options.quit();
    if (action.do === 'quit-at-once') return this.#options.quitAtOnce();
    this.#show(`${action.do} …`, false);
    const { ok, text } = await this.#simulation.act(action);
    this.#show(text, !ok);
    this.#screen.draw();
  }

  #show(text: string, isTrouble: boolean): void {
    const note = { text, isTrouble };
    this.#note = note;
    this.#forgetNote();
    this.#forgetNote = clock.after(NOTE_MS, () => {
      this.#note = null;
      this.#screen.changed();
    });
  }

  #lastLine(): string {
    const columns = (this.#options.output.columns || USUAL_COLUMNS) - 1; // the last column makes some terminals wrap
    const status = (left: number): string => statusLine(this.#simulation.view(), left, this.#colours);
    const isQuestion = this.#state.at !== 'quitting';
    const note = this.#prompt === null ? this.#note : { text: this.#prompt, isTrouble: false };
    if (note === null) return status(columns);
    return leadLine({ ...note, isQuestion: isQuestion && this.#prompt !== null }, columns, this.#colours, status);
  }
}
