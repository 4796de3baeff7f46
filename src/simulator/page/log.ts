import { byId, element } from './elements.ts';
import type { LogLine } from '../view.ts';
import { clock, withoutColours } from './words.ts';

const LINES_MOST = 500;
const COLOURS = 6;
/** A reader that near to the end wants to see what comes. */
const NEAR_PX = 24;
const TROUBLE = /\b(Error [RHL]\d\d|code=H\d\d|State changed from \w+ to crashed)\b/;

/** The platform's log: the last lines, those that the reader chose; follows the end until the reader scrolls up. */
export class Log {
  readonly #root = byId('log');
  readonly #from = byId('from', HTMLSelectElement);
  readonly #filter = byId('filter', HTMLInputElement);
  readonly #always = this.#from.options.length;
  readonly #follow = byId('follow', HTMLButtonElement);
  readonly #lines = new Map<HTMLElement, LogLine>();
  /** In the order of their first words. */
  readonly #names: string[] = [];
  #isFollowing = true;
  #top = 0;

  constructor() {
    this.#root.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#from.addEventListener('change', () => this.#choose());
    this.#filter.addEventListener('input', () => this.#choose());
    this.#follow.addEventListener('click', () => this.#setFollowing(true));
    new ResizeObserver(() => this.#toEnd()).observe(this.#root);
  }

  add(lines: readonly LogLine[]): void {
    const rows = lines.map((line) => this.#row(line));
    this.#root.append(...rows);
    const tooMany = [...this.#lines.keys()].slice(0, Math.max(0, this.#lines.size - LINES_MOST));
    for (const row of tooMany) {
      this.#lines.delete(row);
      row.remove();
    }
    this.#offer();
    this.#toEnd();
  }

  clear(): void {
    this.#lines.clear();
    this.#root.replaceChildren();
  }

  #row(line: LogLine): HTMLElement {
    const text = withoutColours(line.text);
    const row = element('li', `line of-${line.source}${TROUBLE.test(text) ? ' trouble' : ''}`);
    const from = element('span', `from from-${this.#colourOf(line.from)}`, `${line.source}[${line.from}]`);
    row.append(element('time', '', clock(line.atMs)), ' ', from, ' ', element('span', 'text', text));
    row.hidden = !this.#isChosen(line);
    this.#lines.set(row, line);
    return row;
  }

  #colourOf(name: string): number {
    if (!this.#names.includes(name)) this.#names.push(name);
    return this.#names.indexOf(name) % COLOURS;
  }

  #isChosen({ source, from, text }: LogLine): boolean {
    const wanted = this.#from.value;
    const isFrom = wanted === '' || wanted === source || wanted === `from ${from}`;
    const words = this.#filter.value.trim().toLowerCase();
    return isFrom && (words === '' || `${source}[${from}] ${text}`.toLowerCase().includes(words));
  }

  #choose(): void {
    for (const [row, line] of this.#lines) row.hidden = !this.#isChosen(line);
    this.#setFollowing(true);
  }

  /** Everyone who has said something can be chosen. */
  #offer(): void {
    const offered = this.#from.options.length - this.#always;
    for (const name of this.#names.slice(offered)) this.#from.append(new Option(name, `from ${name}`));
  }

  #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#root;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  /** Up is the reader's wish. All else may be a new width, with longer lines. */
  #scrolled(): void {
    if (this.#isAtEnd()) this.#setFollowing(true);
    else if (this.#root.scrollTop < this.#top) this.#setFollowing(false);
    this.#top = this.#root.scrollTop;
  }

  #setFollowing(isFollowing: boolean): void {
    this.#isFollowing = isFollowing;
    this.#follow.hidden = isFollowing;
    this.#toEnd();
  }

  #toEnd(): void {
    if (!this.#isFollowing) return;
    this.#root.scrollTop = this.#root.scrollHeight;
    this.#top = this.#root.scrollTop;
  }
}
