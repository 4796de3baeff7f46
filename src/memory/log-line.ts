import type { ChildName, MemoryPlan } from '../plan/spec.ts';
import type { Clock, MemoryReading } from '../host/host.ts';
import { totalOf } from './view.ts';

/** A line as Heroku's log-runtime-metrics prints it (devcenter.heroku.com/articles/log-runtime-metrics), helpers counted with
 * the child that they work for, so that a drain which charts those charts this. */
export function logLine(
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

/** Lines at their times. A time that was slept through is made up for by one. */
export class MemoryLog {
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
