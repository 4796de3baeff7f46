import type { Clock, MemoryReading } from '../host.ts';
import type { ServePlan } from '../plan/spec.ts';
import { totalOf } from './snapshot.ts';

/** print: writes a line as it is. dyno: the name of this run. */
export type MetricsOptions = { plan: ServePlan; clock: Clock; print: (line: string) => void; dyno: string };

/** Prints memory metrics at a fixed interval, in the format of Heroku's log-runtime-metrics. After a sleep of the machine, one line stands for those that
 * it missed. */
export class MetricsLog {
  readonly #options: MetricsOptions;
  readonly #everyMs: number;
  #printedAtMs: number;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#everyMs = options.plan.memory.logEveryMs ?? Infinity;
    this.#printedAtMs = options.clock.now();
  }

  get dueInMs(): number {
    return this.#printedAtMs + this.#everyMs - this.#options.clock.now();
  }

  printIfDue(reading: MemoryReading): void {
    const { plan, print, dyno } = this.#options;
    if (this.dueInMs > 0) return;
    this.#printedAtMs += Math.max(this.#everyMs, -this.dueInMs);
    print(metricsLine(reading, plan, dyno));
  }
}

/** As in devcenter.heroku.com/articles/log-runtime-metrics, so that a log drain which charts those lines charts this one. Helpers are
 * counted with the child that they work for. */
function metricsLine(reading: MemoryReading, { children, memory }: ServePlan, dyno: string): string {
  const sizes = new Map<string, number>(children.map(({ name }) => [name, 0]));
  for (const { child, bytes } of reading.processes) sizes.set(child, (sizes.get(child) ?? 0) + bytes);
  const samples = [['total', totalOf(reading)] as const, ...sizes, ['supervise', reading.ownBytes] as const];
  if (memory.quota) samples.push(['quota', memory.quota.bytes]);
  const words = samples.map(([name, bytes]) => {
    return `sample#memory_${name.replaceAll('-', '_')}=${(bytes / 2 ** 20).toFixed(2)}MB`;
  });
  return `source=${memory.source} dyno=${dyno} ${words.join(' ')}\n`;
}
