import type { ServerResponse } from 'node:http';
import type { Cancel, PlatformEvent, LogLine, Simulation } from '../simulation.ts';
import { MAX_EVENTS, History, pushBounded, MAX_LINES } from './history.ts';
import type { Messages, Sample } from './page/messages.ts';

/** Four times a second is as fast as a user can follow. */
const FLUSH_EVERY_MS = 250;
/** Per batch. There is one sample a second unless this process was suspended. */
const MAX_SAMPLES = 100;

/** Records what happens in a simulation and sends it to the open pages in batches. */
export class PageEvents {
  readonly #simulation: Simulation;
  readonly #history = new History();
  readonly #streams = new EventStreams();
  readonly #lines: LogLine[] = [];
  readonly #events: PlatformEvent[] = [];
  readonly #samples: Sample[] = [];
  #isViewNew = true;
  readonly #throttle = new Throttle(FLUSH_EVERY_MS, () => this.#flush());
  readonly #cancels: readonly Cancel[];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#cancels = [
      simulation.onLine((line) => {
        pushBounded(this.#lines, this.#history.line(line), MAX_LINES);
        this.#throttle.request();
      }),
      simulation.onEvent((event) => {
        this.#history.event(event);
        pushBounded(this.#events, event, MAX_EVENTS);
        this.#throttle.request();
      }),
      simulation.onView(() => {
        this.#sample();
        this.#throttle.request();
      }),
    ];
    this.#sample();
  }

  get clients(): number {
    return this.#streams.count;
  }

  /** Sends the client the history, then all new events. */
  add(client: ServerResponse): void {
    this.#flush();
    this.#streams.add(client, message('history', this.#history.snapshot(this.#simulation.view())));
  }

  /** Tells all clients that the simulation has ended. */
  end(): void {
    for (const cancel of this.#cancels) cancel();
    this.#throttle.stop();
    this.#isViewNew = true;
    this.#flush();
    this.#streams.end(message('end', null));
  }

  #sample(): void {
    this.#isViewNew = true;
    const sample = this.#history.sample(this.#simulation.view());
    if (sample !== null) pushBounded(this.#samples, sample, MAX_SAMPLES);
  }

  /** The view comes first: a line may name a dyno that only the new view contains. */
  #flush(): void {
    const view = this.#isViewNew ? [this.#simulation.view()] : [];
    this.#isViewNew = false;
    const samples = this.#samples.splice(0);
    const events = this.#events.splice(0);
    const lines = this.#lines.splice(0);
    if (this.#streams.count === 0) return;
    this.#streams.send(
      [
        ...view.map((data) => message('view', data)),
        ...samples.map((data) => message('sample', data)),
        events.length > 0 ? message('event', events) : '',
        lines.length > 0 ? message('line', lines) : '',
      ].join(''),
    );
  }
}

function message<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return eventText(name, data);
}

/** Buffer limit for a client that does not read. */
const MAX_BUFFERED_BYTES = 2 * 2 ** 20;
const RETRY_MS = 1000;

/** Sends server-sent events to all clients. A client that does not read is disconnected; it reconnects and gets the
 * history. */
class EventStreams {
  /** Each client with its buffer limit in bytes. */
  readonly #clients = new Map<ServerResponse, number>();

  get count(): number {
    return this.#clients.size;
  }

  /** `first` is sent before all else, whatever its length. */
  add(client: ServerResponse, first: string): void {
    client.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    client.once('close', () => this.#clients.delete(client));
    client.write(`retry: ${RETRY_MS}\n\n${first}`);
    this.#clients.set(client, client.writableLength + MAX_BUFFERED_BYTES);
  }

  send(text: string): void {
    for (const [client, most] of this.#clients) {
      client.write(text);
      if (client.writableLength > most) client.destroy();
    }
  }

  end(last: string): void {
    for (const client of this.#clients.keys()) client.end(last);
    this.#clients.clear();
  }
}

/** One server-sent event. JSON contains no line breaks. */
function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Calls back soon after a request, but at most once per interval. */
class Throttle {
  readonly #everyMs: number;
  readonly #call: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lastMs = -Infinity;

  constructor(everyMs: number, call: () => void) {
    this.#everyMs = everyMs;
    this.#call = call;
  }

  request(): void {
    const waitMs = Math.max(0, this.#lastMs + this.#everyMs - performance.now());
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#lastMs = performance.now();
      this.#call();
    }, waitMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
