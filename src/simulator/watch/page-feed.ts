import type { ServerResponse } from 'node:http';
import type { Messages } from '../page/messages.ts';
import type { Cancel, Simulation } from '../simulation.ts';
import type { Happening, LogLine } from '../view.ts';
import { AtMostEvery } from './at-most-every.ts';
import { event, EventStreams } from './event-stream.ts';
import { HAPPENINGS_MOST, History, keep, LINES_MOST } from './history.ts';

/** Four times a second: as much as a person can follow. */
const EVERY_MS = 250;

/** Keeps what happens in a simulation and tells it to the pages that are open, in batches. */
export class PageFeed {
  readonly #simulation: Simulation;
  readonly #history = new History();
  readonly #streams = new EventStreams();
  readonly #lines: LogLine[] = [];
  readonly #happenings: Happening[] = [];
  #isViewNew = true;
  readonly #pace = new AtMostEvery(EVERY_MS, () => this.#flush());
  readonly #cancels: readonly Cancel[];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#cancels = [
      simulation.onLine((line) => {
        keep(this.#lines, this.#history.line(line), LINES_MOST);
        this.#pace.soon();
      }),
      simulation.onHappening((happening) => {
        this.#history.happening(happening);
        keep(this.#happenings, happening, HAPPENINGS_MOST);
        this.#pace.soon();
      }),
      simulation.onView(() => {
        this.#isViewNew = true;
        this.#pace.soon();
      }),
    ];
    this.#flush();
  }

  get clients(): number {
    return this.#streams.count;
  }

  /** Tells a client everything so far, then everything new. */
  add(client: ServerResponse): void {
    this.#flush();
    this.#streams.add(client, told('history', this.#history.withView(this.#simulation.view())));
  }

  /** Tells all clients that the simulation has ended. */
  end(): void {
    for (const cancel of this.#cancels) cancel();
    this.#pace.stop();
    this.#isViewNew = true;
    this.#flush();
    this.#streams.end(told('end', null));
  }

  /** The view before the rest: a line may name a dyno that only the new view has. */
  #flush(): void {
    const view = this.#isViewNew ? this.#simulation.view() : null;
    const sample = view && this.#history.sample(view);
    const [lines, happenings] = [this.#lines.splice(0), this.#happenings.splice(0)];
    this.#isViewNew = false;
    if (this.#streams.count === 0) return;
    const events = [
      view && told('view', view),
      sample && told('sample', sample),
      happenings.length > 0 && told('happening', happenings),
      lines.length > 0 && told('line', lines),
    ];
    this.#streams.send(events.filter((text) => typeof text === 'string').join(''));
  }
}

function told<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return event(name, data);
}
