import type { View } from '../../simulation.ts';
import { type Baseline, currentRun, isReady, mainProcesses } from '../baseline.ts';
import { SLACK_MS, type Context, poll } from '../context.ts';
import type { BootFigures, DynoBoot } from '../figures.ts';

/** A dyno is at rest when its processes stay the same, and its memory within STILL_SHARE, for this long in platform
 * time. */
const STILL_MS = 10_000;
const MIN_STILL_MS = 1500;
const STILL_SHARE = 0.03;

type Snapshot = { atMs: number; labels: string; bytes: number | null; processes: readonly string[] };

/** Observes the first boot until all dynos are at rest. */
export async function boot(context: Context): Promise<BootFigures> {
  const { rules, simulation } = context;
  const stillMs = Math.max(MIN_STILL_MS, STILL_MS / simulation.view().timeScale);
  const observers = new Map<string, BootObserver>();
  await poll(context, rules.bootMs + stillMs + SLACK_MS, () => {
    observe(simulation.view(), observers);
    const all = [...observers.values()];
    return all.length > 0 && all.every((one) => one.isStill(stillMs)) ? true : null;
  });
  const dynos = [...observers].map(([dyno, one]) => one.figures(dyno, stillMs));
  return { scenario: 'boot', bootLimitMs: rules.bootMs, dynos };
}

/** The baseline: each dyno's main processes at rest. */
export function baselineOf({ dynos }: View): Baseline {
  return new Map(
    dynos.map((dyno) => {
      const run = currentRun(dyno);
      return [dyno.name, run === undefined ? [] : mainProcesses(run).map(({ label }) => label)];
    }),
  );
}

function observe({ dynos, atMs }: View, observers: Map<string, BootObserver>): void {
  for (const dyno of dynos) {
    const one = observers.get(dyno.name) ?? new BootObserver(dyno.name.startsWith('web.'), dyno.quotaBytes);
    observers.set(dyno.name, one);
    const run = currentRun(dyno);
    if (run === undefined) continue;
    if (run.phase === 'up' && dyno.state === 'up') one.setUp(run.id, dyno.sinceMs - run.startedAtMs);
    const processes = run.processes.map(({ label }) => label);
    const labels = `${run.id} ${isReady(run) ? 'ready' : 'booting'} ${run.processes.map(({ pid }) => pid).join(' ')}`;
    one.add({ atMs: atMs - run.startedAtMs, labels, bytes: run.bytes, processes }, isReady(run));
  }
}

class BootObserver {
  readonly #isWeb: boolean;
  readonly #quotaBytes: number;
  #snapshots: Snapshot[] = [];
  #upMs: number | null = null;
  #run = 0;
  #isReady = false;

  constructor(isWeb: boolean, quotaBytes: number) {
    this.#isWeb = isWeb;
    this.#quotaBytes = quotaBytes;
  }

  setUp(run: number, afterMs: number): void {
    if (this.#run !== run) this.#upMs = afterMs;
    this.#run = run;
  }

  /** Drops snapshots from before the last change. */
  add(snapshot: Snapshot, isReady: boolean): void {
    const last = this.#snapshots.at(-1);
    if (last !== undefined && (last.labels !== snapshot.labels || !this.#isNear(snapshot))) this.#snapshots = [];
    this.#snapshots.push(snapshot);
    this.#isReady = isReady;
  }

  isStill(stillMs: number): boolean {
    return this.#isReady && (this.#snapshots.at(-1)?.atMs ?? 0) - (this.#snapshots[0]?.atMs ?? 0) >= stillMs;
  }

  figures(dyno: string, stillMs: number): DynoBoot {
    const [first, last] = [this.#snapshots[0], this.#snapshots.at(-1)];
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

  #isNear({ bytes }: Snapshot): boolean {
    const first = this.#snapshots[0]?.bytes ?? null;
    if (first === null || bytes === null) return first === bytes;
    return Math.abs(bytes - first) <= first * STILL_SHARE;
  }
}
