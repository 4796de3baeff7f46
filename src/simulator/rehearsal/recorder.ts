import type { Cancel, PlatformEvent, LogLine, RunView, Simulation } from '../simulation.ts';
import type { JobCounts, ScenarioLoad, Context } from './context.ts';
import type { JobFigures, RequestFigures } from './figures.ts';

type Overlap = { fromMs: number; toMs: number; isOver: boolean };

/** Records a scenario: events, log lines, and peaks of the views. */
export class Recorder {
  readonly events: PlatformEvent[] = [];
  readonly lines: LogLine[] = [];
  readonly #peaks = new Map<string, number>();
  readonly #overlaps = new Map<string, Overlap>();
  readonly #cancels: readonly Cancel[];

  constructor(simulation: Simulation) {
    this.#cancels = [
      simulation.onEvent((event) => void this.events.push(event)),
      simulation.onLine((line) => void this.lines.push(line)),
      simulation.onView(() => this.#update(simulation)),
    ];
    this.#update(simulation);
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
  }

  /** How often an error code was logged, for one dyno or all. */
  count(code: string, dyno: string | null = null): number {
    const errorLines = this.lines.filter(({ source, from, text }) => {
      return source === 'heroku' && (dyno === null || from === dyno) && text.startsWith(`Error ${code} `);
    });
    return errorLines.length;
  }

  /** The first exit of an instance of this dyno, or null. */
  exitOf(dyno: string): { status: number; orphans: number } | null {
    const found = this.events.find((one) => one.dyno === dyno && one.exit !== undefined);
    return found?.exit ?? null;
  }

  /** The largest memory of any instance of the dyno. 0 if not visible. */
  peakOf(dyno: string): number {
    return this.#peaks.get(dyno) ?? 0;
  }

  /** How long the dyno had at least two instances, in milliseconds. */
  overlapOf(dyno: string): number {
    const pair = this.#overlaps.get(dyno);
    return pair === undefined ? 0 : pair.toMs - pair.fromMs;
  }

  #update(simulation: Simulation): void {
    const { dynos, atMs } = simulation.view();
    for (const { name, runs } of dynos) {
      for (const { bytes } of runs) this.#peaks.set(name, Math.max(this.peakOf(name), bytes ?? 0));
      this.#updateOverlap(name, runs, atMs);
    }
  }

  /** From the start of the new instance to the first view without the old one. */
  #updateOverlap(name: string, runs: readonly RunView[], atMs: number): void {
    const known = this.#overlaps.get(name);
    const isPair = runs.length > 1;
    if (known === undefined && isPair)
      this.#overlaps.set(name, { fromMs: runs[0]?.startedAtMs ?? atMs, toMs: atMs, isOver: false });
    else if (known !== undefined && !known.isOver) this.#overlaps.set(name, { ...known, toMs: atMs, isOver: !isPair });
  }
}

type Recorded<T> = { result: T; recorder: Recorder; requests: RequestFigures; jobs: JobFigures };

/** Used if there is no web dyno. */
const NO_LOAD: ScenarioLoad = {
  answered: () => 0,
  stop: () => Promise.resolve({ sent: 0, failed: 0, failures: [], p50Ms: null, p99Ms: null }),
  abort: () => {},
};

/** Records a function under load, with the results of the requests and jobs. */
export async function recordUnderLoad<T>(
  context: Context,
  path: string | null,
  fn: (recorder: Recorder, load: ScenarioLoad) => Promise<T>,
): Promise<Recorded<T>> {
  const recorder = new Recorder(context.simulation);
  const before = context.jobs();
  const hasWeb = context.simulation.view().dynos.some(({ name }) => name.startsWith('web.'));
  const load = hasWeb ? context.startLoad(path) : NO_LOAD;
  const drop = (): void => load.abort();
  context.interrupted.addEventListener('abort', drop, { once: true });
  try {
    const result = await fn(recorder, load);
    return { result, recorder, requests: await load.stop(), jobs: jobsBetween(before, context.jobs()) };
  } finally {
    context.interrupted.removeEventListener('abort', drop);
    drop();
    recorder.close();
  }
}

function jobsBetween(before: JobCounts, after: JobCounts): JobFigures {
  return { done: after.done - before.done, lost: after.lost - before.lost };
}
