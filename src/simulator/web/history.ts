import type { DynoView, PlatformEvent, LogLine, RunView, View } from '../simulation.ts';
import type { DynoSample, Messages, RunSample, Sample } from './page/messages.ts';

export const SAMPLES_MS = 30 * 60_000;
const SAMPLE_EVERY_MS = 1000;
export const MAX_LINES = 500;
export const MAX_EVENTS = 200;
/** The page gets this much of a line's text, the terminal all of it. */
export const MAX_TEXT = 2000;
/** Measurements may come slightly early. */
const TOLERANCE_MS = 100;

/** What a newly opened page shows. Bounded in time and number. */
export class History {
  readonly #samples: Sample[] = [];
  readonly #lines: LogLine[] = [];
  readonly #events: PlatformEvent[] = [];

  /** The sample for this view, or null if the last one is too recent. */
  sample(view: View): Sample | null {
    const last = this.#samples.at(-1);
    if (last !== undefined && view.atMs - last.atMs < SAMPLE_EVERY_MS - TOLERANCE_MS) return null;
    const sample = sampleOf(view);
    this.#samples.push(sample);
    const tooOld = this.#samples.findIndex(({ atMs }) => atMs >= view.atMs - SAMPLES_MS);
    if (tooOld > 0) this.#samples.splice(0, tooOld);
    return sample;
  }

  /** Returns the line as sent to pages. */
  line(line: LogLine): LogLine {
    const short = line.text.length > MAX_TEXT ? { ...line, text: `${line.text.slice(0, MAX_TEXT)}…` } : line;
    pushBounded(this.#lines, short, MAX_LINES);
    return short;
  }

  event(event: PlatformEvent): void {
    pushBounded(this.#events, event, MAX_EVENTS);
  }

  /** A snapshot that later events do not change. */
  snapshot(view: View): Messages['history'] {
    return { view, samples: [...this.#samples], lines: [...this.#lines], events: [...this.#events] };
  }
}

/** Appends an item and keeps the last `most` ones. */
export function pushBounded<T>(items: T[], item: T, most: number): void {
  items.push(item);
  if (items.length > most) items.splice(0, items.length - most);
}

/** Further kinds of processes in a run are added up as OTHER, which limits the size of a sample. */
const MAX_LABELS = 8;
const OTHER = 'other';

export function sampleOf({ atMs, dynos }: View): Sample {
  return { atMs, dynos: Object.fromEntries(dynos.map((dyno) => [dyno.name, dynoSample(dyno)])) };
}

function dynoSample({ quotaBytes, runs }: DynoView): DynoSample {
  return { quotaBytes, runs: runs.map(runSample) };
}

function runSample({ id, bytes, processes }: RunView): RunSample {
  const labels = new Map<string, number>();
  for (const { label: label, bytes: own } of processes) {
    if (own === null) continue;
    const name = labels.has(label) || labels.size < MAX_LABELS ? label : OTHER;
    labels.set(name, (labels.get(name) ?? 0) + own);
  }
  return { id, bytes, labels: Object.fromEntries(labels) };
}
