import type { DynoView, View } from '../../simulation.ts';
import { type Baseline, currentRun, isReady, mainProcesses } from '../baseline.ts';
import { SLACK_MS, type Context, poll } from '../context.ts';
import type { BootFigures, DynoBoot } from '../figures.ts';

/** A dyno is at rest when its processes stay the same, and its memory within STILL_SHARE, for this long in platform
 * time. */
const STILL_MS = 10_000;
const MIN_STILL_MS = 1500;
const STILL_SHARE = 0.03;

/** A dyno at one time. identity: of its run, of the run's processes, and whether they are ready. */
type Snapshot = {
  atMs: number;
  identity: string;
  isReady: boolean;
  bytes: number | null;
  labels: readonly string[];
};

/** Observes the first boot until all dynos are at rest. */
export async function boot(context: Context): Promise<BootFigures> {
  const { rules, simulation } = context;
  const stillMs = Math.max(MIN_STILL_MS, STILL_MS / simulation.view().timeScale);
  const observers = new Map<string, BootObserver>();
  await poll(context, rules.bootMs + stillMs + SLACK_MS, () => {
    const { dynos, atMs } = simulation.view();
    for (const dyno of dynos) {
      const observer = observers.get(dyno.name) ?? new BootObserver(dyno);
      observers.set(dyno.name, observer);
      observer.observe(dyno, atMs);
    }
    const all = [...observers.values()];
    return all.length > 0 && all.every((observer) => observer.isStill(stillMs)) ? true : null;
  });
  const dynos = [...observers.values()].map((observer) => observer.figures(stillMs));
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

class BootObserver {
  readonly #name: string;
  readonly #isWeb: boolean;
  readonly #quotaBytes: number;
  #upRun = 0;
  #upMs: number | null = null;
  /** Since the last change. */
  #first: Snapshot | null = null;
  #last: Snapshot | null = null;

  constructor({ name, quotaBytes }: DynoView) {
    this.#name = name;
    this.#isWeb = name.startsWith('web.');
    this.#quotaBytes = quotaBytes;
  }

  observe(dyno: DynoView, nowMs: number): void {
    const run = currentRun(dyno);
    if (run === undefined) return;
    if (run.phase === 'up' && dyno.state === 'up' && run.id !== this.#upRun)
      [this.#upRun, this.#upMs] = [run.id, dyno.sinceMs - run.startedAtMs];
    const { id, processes, bytes } = run;
    const isReadyNow = isReady(run);
    const identity = [id, isReadyNow, ...processes.map(({ pid }) => pid)].join(' ');
    const labels = processes.map(({ label }) => label);
    this.#last = { atMs: nowMs - run.startedAtMs, identity, isReady: isReadyNow, bytes, labels };
    if (this.#first?.identity !== identity || !isNear(this.#first.bytes, bytes)) this.#first = this.#last;
  }

  isStill(stillMs: number): boolean {
    return this.#last !== null && this.#last.isReady && this.#last.atMs - (this.#first?.atMs ?? 0) >= stillMs;
  }

  figures(stillMs: number): DynoBoot {
    const isStill = this.isStill(stillMs);
    return {
      dyno: this.#name,
      isWeb: this.#isWeb,
      boundMs: this.#isWeb ? this.#upMs : null,
      restMs: isStill ? (this.#first?.atMs ?? null) : null,
      restBytes: isStill ? (this.#last?.bytes ?? null) : null,
      quotaBytes: this.#quotaBytes,
      processes: this.#last?.labels ?? [],
    };
  }
}

function isNear(first: number | null, now: number | null): boolean {
  if (first === null || now === null) return first === now;
  return Math.abs(now - first) <= first * STILL_SHARE;
}
