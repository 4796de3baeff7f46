import type { ServerResponse } from 'node:http';
import type { Messages, Sample } from '../page/messages.ts';
import type { Cancel, Simulation } from '../simulation.ts';
import type { Happening, LogLine } from '../view.ts';
import { AtMostEvery } from './at-most-every.ts';
import { event, EventStreams } from './event-stream.ts';
import { HAPPENINGS_MOST, History, keep, LINES_MOST } from './history.ts';

/** Four times a second: as much as a person can follow. */
const EVERY_MS = 250;
/** Of one batch: one a second comes, unless this process was stopped for a while. */
const SAMPLES_MOST = 100;

/** Keeps what happens in a simulation and tells it to the pages that are open, in batches. */
export class PageFeed {
  readonly #simulation: Simulation;
  readonly #history = new History();
  readonly #streams = new EventStreams();
  readonly #lines: LogLine[] = [];
  readonly #happenings: Happening[] = [];
  readonly #samples: Sample[] = [];
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
        this.#look();
        this.#pace.soon();
      }),
    ];
    this.#look();
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

  #look(): void {
    this.#isViewNew = true;
    const sample = this.#history.sample(this.#simulation.view());
    if (sample !== null) keep(this.#samples, sample, SAMPLES_MOST);
  }

  /** The view before the rest: a line may name a dyno that only the new view has. */
  #flush(): void {
    const view = this.#isViewNew ? [this.#simulation.view()] : [];
    this.#isViewNew = false;
    const samples = this.#samples.splice(0);
    const happenings = this.#happenings.splice(0);
    const lines = this.#lines.splice(0);
    if (this.#streams.count === 0) return;
    this.#streams.send(
      [
        ...view.map((one) => told('view', one)),
        ...samples.map((one) => told('sample', one)),
        happenings.length > 0 ? told('happening', happenings) : '',
        lines.length > 0 ? told('line', lines) : '',
      ].join(''),
    );
  }
}

function told<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return event(name, data);
}
