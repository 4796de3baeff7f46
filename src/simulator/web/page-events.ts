import type { ServerResponse } from 'node:http';
import type { Cancel, PlatformEvent, LogLine, RunView, Simulation, View } from '../simulation.ts';
import type { Messages, RunSample, Sample } from './page/messages.ts';

/** Four times a second is as fast as a user can follow. */
const FLUSH_EVERY_MS = 250;
/** Buffer limit for a client that does not read. It is disconnected, reconnects and gets the history. */
const MAX_BUFFERED_BYTES = 2 * 2 ** 20;
const RETRY_MS = 1000;

/** Records what happens in a simulation and sends it to the open pages in batches, as server-sent events. */
export class PageEvents {
  readonly #simulation: Simulation;
  readonly #history = new History();
  /** Each client with its buffer limit in bytes. */
  readonly #clients = new Map<ServerResponse, number>();
  readonly #lines: LogLine[] = [];
  readonly #events: PlatformEvent[] = [];
  /** One a second. */
  readonly #samples: Sample[] = [];
  #isViewNew = true;
  #flushedAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  readonly #cancels: readonly Cancel[];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#cancels = [
      simulation.onLine((line) => {
        pushBounded(this.#lines, this.#history.line(line), MAX_LINES);
        this.#flushSoon();
      }),
      simulation.onEvent((event) => {
        this.#history.event(event);
        pushBounded(this.#events, event, MAX_EVENTS);
        this.#flushSoon();
      }),
      simulation.onView(() => {
        this.#sample();
        this.#flushSoon();
      }),
    ];
    this.#sample();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Sends the client the history, whatever its length, then all new events. */
  add(client: ServerResponse): void {
    this.#flush();
    client.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    client.once('close', () => this.#clients.delete(client));
    const history = message('history', this.#history.snapshot(this.#simulation.view()));
    client.write(`retry: ${RETRY_MS}\n\n${history}`);
    this.#clients.set(client, client.writableLength + MAX_BUFFERED_BYTES);
  }

  /** Tells all clients that the simulation has ended. */
  end(): void {
    for (const cancel of this.#cancels) cancel();
    clearTimeout(this.#timer);
    this.#isViewNew = true;
    this.#flush();
    for (const client of this.#clients.keys()) client.end(message('end', null));
    this.#clients.clear();
  }

  #sample(): void {
    this.#isViewNew = true;
    const sample = this.#history.sample(this.#simulation.view());
    if (sample !== null) this.#samples.push(sample);
  }

  /** Flushes as soon as the last flush is long enough ago. */
  #flushSoon(): void {
    const waitMs = Math.max(0, this.#flushedAtMs + FLUSH_EVERY_MS - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flushedAtMs = performance.now();
      this.#flush();
    }, waitMs);
  }

  /** The view comes first: a line may name a dyno that only the new view contains. */
  #flush(): void {
    const view = this.#isViewNew ? [this.#simulation.view()] : [];
    this.#isViewNew = false;
    const [samples, events, lines] = [this.#samples.splice(0), this.#events.splice(0), this.#lines.splice(0)];
    if (this.#clients.size === 0) return;
    const text = [
      ...view.map((data) => message('view', data)),
      ...samples.map((data) => message('sample', data)),
      events.length > 0 ? message('event', events) : '',
      lines.length > 0 ? message('line', lines) : '',
    ].join('');
    for (const [client, mostBytes] of this.#clients) {
      client.write(text);
      if (client.writableLength > mostBytes) client.destroy();
    }
  }
}

/** One server-sent event. JSON contains no line breaks. */
function message<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

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
function pushBounded<T>(items: T[], item: T, most: number): void {
  items.push(item);
  if (items.length > most) items.splice(0, items.length - most);
}

/** Further kinds of processes in a run are added up as OTHER, which limits the size of a sample. */
const MAX_LABELS = 8;
const OTHER = 'other';

export function sampleOf({ atMs, dynos }: View): Sample {
  const samples = dynos.map(({ name, quotaBytes, runs }) => [name, { quotaBytes, runs: runs.map(runSample) }] as const);
  return { atMs, dynos: Object.fromEntries(samples) };
}

function runSample({ id, bytes, processes }: RunView): RunSample {
  const labels = new Map<string, number>();
  for (const { label, bytes: own } of processes) {
    if (own === null) continue;
    const name = labels.has(label) || labels.size < MAX_LABELS ? label : OTHER;
    labels.set(name, (labels.get(name) ?? 0) + own);
  }
  return { id, bytes, labels: Object.fromEntries(labels) };
}
