import type { View } from '../../view.ts';
import type { BootFigures, BootOfDyno } from '../figures.ts';
import { current, isReady, principals, type Cast } from '../known-state.ts';
import { SLACK_MS, untilOver, type Stage } from '../stage.ts';

/** Nothing moves any more when all stay the same and memory within this part for so long, in platform time. */
const STILL_MS = 10_000;
const STILL_LEAST_MS = 1500;
const STILL_SHARE = 0.03;

type Look = { atMs: number; labels: string; bytes: number | null; processes: readonly string[] };

/** Watches the first boot until nothing moves any more. */
export async function boot(stage: Stage): Promise<BootFigures> {
  const { rules, simulation } = stage;
  const stillMs = Math.max(STILL_LEAST_MS, STILL_MS / simulation.view().timeScale);
  const watched = new Map<string, Watched>();
  await untilOver(stage, rules.bootMs + stillMs + SLACK_MS, () => {
    look(simulation.view(), watched);
    const all = [...watched.values()];
    return all.length > 0 && all.every((one) => one.isStill(stillMs)) ? true : null;
  });
  const dynos = [...watched].map(([dyno, one]) => one.figures(dyno, stillMs));
  return { scene: 'boot', bootLimitMs: rules.bootMs, dynos };
}

/** What works in each dyno, once all are at rest. */
export function castOf({ dynos }: View): Cast {
  return new Map(
    dynos.map((dyno) => {
      const run = current(dyno);
      return [dyno.name, run === undefined ? [] : principals(run).map(({ label }) => label)];
    }),
  );
}

function look({ dynos, atMs }: View, watched: Map<string, Watched>): void {
  for (const dyno of dynos) {
    const one = watched.get(dyno.name) ?? new Watched(dyno.name.startsWith('web.'), dyno.quotaBytes);
    watched.set(dyno.name, one);
    const run = current(dyno);
    if (run === undefined) continue;
    if (run.phase === 'up' && dyno.state === 'up') one.up(run.id, dyno.sinceMs - run.startedAtMs);
    const processes = run.processes.map(({ label }) => label);
    const labels = `${run.id} ${isReady(run) ? 'ready' : 'booting'} ${run.processes.map(({ pid }) => pid).join(' ')}`;
    one.seen({ atMs: atMs - run.startedAtMs, labels, bytes: run.bytes, processes }, isReady(run));
  }
}

class Watched {
  readonly #isWeb: boolean;
  readonly #quotaBytes: number;
  #looks: Look[] = [];
  #upMs: number | null = null;
  #run = 0;
  #isReady = false;

  constructor(isWeb: boolean, quotaBytes: number) {
    this.#isWeb = isWeb;
    this.#quotaBytes = quotaBytes;
  }

  up(run: number, afterMs: number): void {
    if (this.#run !== run) this.#upMs = afterMs;
    this.#run = run;
  }

  /** Forgets what was before the last change. */
  seen(look: Look, isReady: boolean): void {
    const last = this.#looks.at(-1);
    if (last !== undefined && (last.labels !== look.labels || !this.#isNear(look))) this.#looks = [];
    this.#looks.push(look);
    this.#isReady = isReady;
  }

  isStill(stillMs: number): boolean {
    return this.#isReady && (this.#looks.at(-1)?.atMs ?? 0) - (this.#looks[0]?.atMs ?? 0) >= stillMs;
  }

  figures(dyno: string, stillMs: number): BootOfDyno {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    const isStill = this.isStill(stillMs);
    return {
      dyno,
      isWeb: this.#isWeb,
      boundMs: this.#isWeb ? this.#upMs : null,
      restMs: isStill ? (first?.atMs ?? null) : null,
      restBytes: isStill ? (last?.bytes ?? null) : null,
      quotaBytes: this.#quotaBytes,
      processes: last?.processes ?? [],
    };
  }

  #isNear({ bytes }: Look): boolean {
    const first = this.#looks[0]?.bytes ?? null;
    if (first === null || bytes === null) return first === bytes;
    return Math.abs(bytes - first) <= first * STILL_SHARE;
  }
}
