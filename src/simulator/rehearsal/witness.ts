import type { Cancel, Simulation } from '../simulation.ts';
import type { DynoView, Happening, LogLine, RunView } from '../view.ts';

type Pair = { fromMs: number; toMs: number; isOver: boolean };

/** What is remembered of a scene while it is played: happenings, lines, and what the views showed at most. */
export class Witness {
  readonly happenings: Happening[] = [];
  readonly lines: LogLine[] = [];
  readonly #peaks = new Map<string, number>();
  readonly #pairs = new Map<string, Pair>();
  readonly #cancels: readonly Cancel[];

  constructor(simulation: Simulation) {
    this.#cancels = [
      simulation.onHappening((happening) => void this.happenings.push(happening)),
      simulation.onLine((line) => void this.lines.push(line)),
      simulation.onView(() => this.#look(simulation)),
    ];
    this.#look(simulation);
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
  }

  /** How often an error code was said, of one dyno or of all. */
  count(mark: string, dyno: string | null = null): number {
    const said = this.lines.filter(({ source, from, text }) => {
      return source === 'heroku' && (dyno === null || from === dyno) && text.startsWith(`Error ${mark} `);
    });
    return said.length;
  }

  /** The end of a life of this dyno; null as long as there was none. */
  exitOf(dyno: string): { status: number; left: number } | null {
    const found = this.happenings.find((one) => one.dyno === dyno && one.exit !== undefined);
    return found?.exit ?? null;
  }

  /** The most bytes that its lives held, each for itself; 0 where that is not visible. */
  peakOf(dyno: string): number {
    return this.#peaks.get(dyno) ?? 0;
  }

  /** How long it had two lives at least, in milliseconds. */
  overlapOf(dyno: string): number {
    const pair = this.#pairs.get(dyno);
    return pair === undefined ? 0 : pair.toMs - pair.fromMs;
  }

  #look(simulation: Simulation): void {
    const { dynos, atMs } = simulation.view();
    for (const dyno of dynos) this.#remember(dyno, atMs);
  }

  #remember({ name, runs }: DynoView, atMs: number): void {
    for (const { bytes } of runs) this.#peaks.set(name, Math.max(this.peakOf(name), bytes ?? 0));
    this.#pair(name, runs, atMs);
  }

  /** A pair lasts from the start of the new one to the first look at which the old one has gone. */
  #pair(name: string, runs: readonly RunView[], atMs: number): void {
    const known = this.#pairs.get(name);
    const isPair = runs.length > 1;
    if (known === undefined && isPair)
      this.#pairs.set(name, { fromMs: runs[0]?.startedAtMs ?? atMs, toMs: atMs, isOver: false });
    else if (known !== undefined && !known.isOver) this.#pairs.set(name, { ...known, toMs: atMs, isOver: !isPair });
  }
}
