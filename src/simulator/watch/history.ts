import type { Messages, Sample } from '../page/messages.ts';
import type { Happening, LogLine, View } from '../view.ts';
import { sampleOf } from './sample.ts';

export const SAMPLES_MS = 30 * 60_000;
export const SAMPLE_EVERY_MS = 1000;
export const LINES_MOST = 500;
export const HAPPENINGS_MOST = 200;
/** Of a line's text the page shows so much; the terminal has all of it. */
export const TEXT_MOST = 2000;
/** Measurements come a little early at times; the one of this second is meant. */
const EARLY_MS = 100;

/** What a page that is opened late gets to see. Bounded in time and number. */
export class History {
  readonly #samples: Sample[] = [];
  readonly #lines: LogLine[] = [];
  readonly #happenings: Happening[] = [];

  /** The sample that this view gives; null when the last one is too recent. */
  sample(view: View): Sample | null {
    const last = this.#samples.at(-1);
    if (last !== undefined && view.atMs - last.atMs < SAMPLE_EVERY_MS - EARLY_MS) return null;
    const sample = sampleOf(view);
    this.#samples.push(sample);
    const tooOld = this.#samples.findIndex(({ atMs }) => atMs >= view.atMs - SAMPLES_MS);
    if (tooOld > 0) this.#samples.splice(0, tooOld);
    return sample;
  }

  /** The line as pages get it. */
  line(line: LogLine): LogLine {
    const short = line.text.length > TEXT_MOST ? { ...line, text: `${line.text.slice(0, TEXT_MOST)}…` } : line;
    keep(this.#lines, short, LINES_MOST);
    return short;
  }

  happening(happening: Happening): void {
    keep(this.#happenings, happening, HAPPENINGS_MOST);
  }

  /** As it is now; what comes later does not change it. */
  withView(view: View): Messages['history'] {
    return { view, samples: [...this.#samples], lines: [...this.#lines], happenings: [...this.#happenings] };
  }
}

/** The last `most` of them. */
export function keep<T>(items: T[], item: T, most: number): void {
  items.push(item);
  if (items.length > most) items.splice(0, items.length - most);
}
