import type { Clock, MemoryReading } from '../host.ts';
import type { ChildName, MemoryPlan } from '../plan/spec.ts';
import { totalOf } from './snapshot.ts';

/** A line as Heroku's log-runtime-metrics prints it (devcenter.heroku.com/articles/log-runtime-metrics), so that a log drain which
 * charts those lines charts this one. Helpers are counted with the child that they work for. */
export function metricsLine(
  reading: MemoryReading,
  children: readonly ChildName[],
  plan: MemoryPlan,
  dyno: string,
): string {
  const sizes = new Map<string, number>(children.map((child) => [child, 0]));
  for (const { child, bytes } of reading.processes) sizes.set(child, (sizes.get(child) ?? 0) + bytes);
  const samples = [['total', totalOf(reading)] as const, ...sizes, ['supervise', reading.ownBytes] as const];
  if (plan.quota) samples.push(['quota', plan.quota.bytes]);
  const words = samples.map(([name, bytes]) => `sample#memory_${name.replaceAll('-', '_')}=${inMegabytes(bytes)}`);
  return `source=${plan.source} dyno=${dyno} ${words.join(' ')}\n`;
}

/** When the next line is due. After a sleep of the machine, one line stands for those that it missed. */
export class MetricsSchedule {
  readonly #everyMs: number;
  readonly #clock: Clock;
  #printedAtMs: number;

  constructor(everyMs: number | null, clock: Clock) {
    this.#everyMs = everyMs ?? Infinity;
    this.#clock = clock;
    this.#printedAtMs = clock.now();
  }

  get dueInMs(): number {
    return this.#printedAtMs + this.#everyMs - this.#clock.now();
  }

  printed(): void {
    this.#printedAtMs += Math.max(this.#everyMs, -this.dueInMs);
  }
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(2)}MB`;
}
