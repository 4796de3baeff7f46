import type { PlatformEvent, LogLine } from '../../simulation.ts';
import { byId, createElement } from './elements.ts';
import { formatTime, isError, withoutColours } from './format.ts';

const MAX_LINES = 500;
const COLOUR_COUNT = 6;
/** Closer to the end than this, the log follows new lines. */
const NEAR_PX = 24;
const ERROR_PATTERN = /\b(Error [RHL]\d\d|code=H\d\d|State changed from \w+ to crashed)\b/;

/** The last lines of the platform's log, filtered. Follows the end until the user scrolls up. */
export class LogPanel {
  readonly #root = byId('log');
  readonly #from = byId('from', HTMLSelectElement);
  readonly #filter = byId('filter', HTMLInputElement);
  readonly #fixedOptions = this.#from.options.length;
  readonly #follow = byId('follow', HTMLButtonElement);
  readonly #lines = new Map<HTMLElement, LogLine>();
  /** In order of their first line. */
  readonly #sources: string[] = [];
  #isFollowing = true;
  #scrollTop = 0;

  constructor() {
    this.#root.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    this.#from.addEventListener('change', () => this.#applyFilter());
    this.#filter.addEventListener('input', () => this.#applyFilter());
    this.#follow.addEventListener('click', () => this.#setFollowing(true));
    new ResizeObserver(() => this.#scrollToEnd()).observe(this.#root);
  }

  add(lines: readonly LogLine[]): void {
    const rows = lines.map((line) => this.#row(line));
    this.#root.append(...rows);
    const tooMany = [...this.#lines.keys()].slice(0, Math.max(0, this.#lines.size - MAX_LINES));
    for (const row of tooMany) {
      this.#lines.delete(row);
      row.remove();
    }
    this.#updateSources();
    this.#scrollToEnd();
  }

  clear(): void {
    this.#lines.clear();
    this.#root.replaceChildren();
  }

  #row(line: LogLine): HTMLElement {
    const text = withoutColours(line.text);
    const row = createElement('li', `line of-${line.source}${ERROR_PATTERN.test(text) ? ' trouble' : ''}`);
    const from = createElement('span', `from from-${this.#colourOf(line.from)}`, `${line.source}[${line.from}]`);
    row.append(createElement('time', '', formatTime(line.atMs)), ' ', from, ' ', createElement('span', 'text', text));
    row.hidden = !this.#matches(line);
    this.#lines.set(row, line);
    return row;
  }

  #colourOf(name: string): number {
    if (!this.#sources.includes(name)) this.#sources.push(name);
    return this.#sources.indexOf(name) % COLOUR_COUNT;
  }

  #matches({ source, from, text }: LogLine): boolean {
    const wanted = this.#from.value;
    const isFrom = wanted === '' || wanted === source || wanted === `from ${from}`;
    const words = this.#filter.value.trim().toLowerCase();
    return isFrom && (words === '' || `${source}[${from}] ${text}`.toLowerCase().includes(words));
  }

  #applyFilter(): void {
    for (const [row, line] of this.#lines) row.hidden = !this.#matches(line);
    this.#setFollowing(true);
  }

  /** Every source of a line can be selected. */
  #updateSources(): void {
    const offered = this.#from.options.length - this.#fixedOptions;
    for (const name of this.#sources.slice(offered)) this.#from.append(new Option(name, `from ${name}`));
  }

  #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#root;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  /** Only scrolling up is the user's doing. Other changes may come from a new width with longer lines. */
  #onScroll(): void {
    if (this.#isAtEnd()) this.#setFollowing(true);
    else if (this.#root.scrollTop < this.#scrollTop) this.#setFollowing(false);
    this.#scrollTop = this.#root.scrollTop;
  }

  #setFollowing(isFollowing: boolean): void {
    this.#isFollowing = isFollowing;
    this.#follow.hidden = isFollowing;
    this.#scrollToEnd();
  }

  #scrollToEnd(): void {
    if (!this.#isFollowing) return;
    this.#root.scrollTop = this.#root.scrollHeight;
    this.#scrollTop = this.#root.scrollTop;
  }
}

export const MAX_EVENTS = 200;

/** Lists events, the newest first. */
export function showEvents(added: readonly PlatformEvent[]): void {
  const body = byId('events');
  body.prepend(...[...added].reverse().map(row));
  while (body.children.length > MAX_EVENTS) body.lastElementChild?.remove();
}

export function clearEvents(): void {
  byId('events').replaceChildren();
}

function row(event: PlatformEvent): HTMLElement {
  const { atMs, dyno, kind, label, text } = event;
  const made = createElement('tr', `event kind-${kind}${isError(event) ? ' trouble' : ''}`);
  const what = createElement('td', 'what');
  what.append(createElement('span', 'mark', label), ' ', text === label ? '' : text);
  made.append(createElement('td', 'mono', formatTime(atMs)), createElement('td', '', dyno ?? 'all'), what);
  return made;
}
