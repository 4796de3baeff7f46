import type { MemoryCommand, SupervisorEvent } from '../commands.ts';
import type { Cancel, Clock, MemoryReader, MemoryReading, ProcessId } from '../host.ts';
import type { Log } from '../log/events.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { processKey } from './helper-processes.ts';
import { describeAction, describeLevel } from './messages.ts';
import { MetricsSchedule, metricsLine } from './metrics-line.ts';
import { decide, isRearmed, learnFromQuick } from './policy.ts';
import {
  INITIAL_STATE,
  isOnDemand,
  type Limits,
  type MemoryAction,
  type PolicyInput,
  type PolicyState,
} from './policy-state.ts';
import {
  CHECK_FOR_PROCESSES_EVERY_MS,
  type ExactSample,
  isUnchanged,
  msUntilNextSample,
  needsExact,
  SAMPLE_EVERY_MS,
} from './sampling.ts';
import { type Snapshot, takeSnapshot, totalOf } from './snapshot.ts';

export type GuardOptions = {
  plan: ServePlan;
  reader: MemoryReader;
  clock: Clock;
  log: Log;
  sendCommand: (command: MemoryCommand) => void;
  /** Has the kernel kill this process first, should it have to kill one. */
  preferForOomKill: (id: ProcessId) => void;
  /** Writes a line as it is. */
  print: (line: string) => void;
  /** The name of this run. */
  dyno: string;
};

const MIN_PRESSURE_INTERVAL_MS = 200;
/** A helper that has run for longer does nothing unforeseen any more. */
const HELPER_IS_NEW_FOR_MS = 60_000;

/** Samples the memory of a dyno, and carries out or logs what the policy decides. */
export class MemoryGuard {
  readonly #options: GuardOptions;
  /** null: nothing is compared with a quota. */
  readonly #limits: Limits | null;
  readonly #metrics: MetricsSchedule;
  readonly #ready = new Set<ChildName>();
  /** A child became ready since the last exact reading: what it holds now is its baseline. */
  #hasNewReady = false;
  /** The helpers by their process keys, and since when they are known. */
  #helpers: ReadonlyMap<string, number> = new Map();
  #state: PolicyState = INITIAL_STATE;
  #last: { reading: MemoryReading; exact: ExactSample | null } | null = null;
  #pressure: string | null = null;
  readonly #reported = new Set<string>();
  #cancel: Cancel = () => {};
  #cancelPressure: Cancel = () => {};

  constructor(options: GuardOptions) {
    const { memory } = options.plan;
    this.#options = options;
    this.#limits = memory.guard === 'off' ? null : memory.quota;
    this.#metrics = new MetricsSchedule(memory.logEveryMs, options.clock);
  }

  start(): void {
    this.#cancelPressure = this.#options.reader.onPressure(() => this.#sampleSoon());
    this.#sample(false);
  }

  /** What happens to the children. */
  onEvent(event: SupervisorEvent): void {
    if (event.type !== 'child-changed') return;
    const { child, state } = event;
    if (state === 'ready') {
      this.#ready.add(child);
      this.#hasNewReady = true;
    }
    if (state === 'starting') this.#reportStart(child);
    if (state === 'starting' || state === 'cleaning-up' || state === 'exited') this.#ready.delete(child);
  }

  close(): void {
    this.#cancel();
    this.#cancelPressure();
  }

  /** The kernel may report pressure a hundred times a second. */
  #sampleSoon(): void {
    const { clock } = this.#options;
    this.#cancel();
    const waitMs = (this.#last?.reading.atMs ?? -Infinity) + MIN_PRESSURE_INTERVAL_MS - clock.now();
    if (waitMs <= 0) this.#sample(true);
    else this.#cancel = clock.after(waitMs, () => this.#sample(true));
  }

  #sample(isUnderPressure: boolean): void {
    const reading = this.#options.reader.read(false);
    if (!isUnderPressure && this.#isAtRest(reading)) return this.#wait(SAMPLE_EVERY_MS);
    const snapshot = takeSnapshot(reading, this.#last?.reading ?? null);
    this.#preferHelpersForOomKill(snapshot);
    const sample = { ...snapshot, helpers: this.#countNewHelpers(snapshot) };
    const last = this.#last?.exact ?? null;
    const limits = this.#limits;
    if (limits !== null) this.#state = learnFromQuick(this.#state, this.#input(snapshot, limits));
    const isNeeded = limits !== null && (this.#hasNewReady || needsExact(sample, last, limits, isUnderPressure));
    if (isNeeded || this.#metrics.dueInMs <= 0) this.#readExactly();
    else this.#last = { reading, exact: last };
    this.#updatePressure();
    this.#wait(limits === null ? this.#metrics.dueInMs : msUntilNextSample(sample, limits));
  }

  /** Samples again after `pauseMs`, and sooner when there is a new process: it may be a helper. */
  #wait(pauseMs: number): void {
    const { clock, reader } = this.#options;
    const stepMs = this.#limits === null ? pauseMs : Math.min(pauseMs, CHECK_FOR_PROCESSES_EVERY_MS);
    this.#cancel = clock.after(stepMs, () => {
      if (stepMs === pauseMs || reader.hasNewProcess()) this.#sample(false);
      else this.#wait(pauseMs - stepMs);
    });
  }

  /** No new process and no change: nothing to decide, which would cost more than the reading itself. */
  #isAtRest(quick: MemoryReading): boolean {
    const { reading, exact } = this.#last ?? {};
    if (this.#limits === null || !exact || this.#hasNewReady || this.#helpers.size > 0) return false;
    if (this.#pressure !== null) return false;
    if (this.#metrics.dueInMs <= 0 || quick.processes.length !== reading?.processes.length) return false;
    return isUnchanged(totalOf(quick), quick.atMs, exact, this.#limits);
  }

  #readExactly(): void {
    this.#hasNewReady = false;
    const reading = this.#options.reader.read(true);
    const snapshot = takeSnapshot(reading, this.#last?.reading ?? null);
    const { atMs, costMs } = reading;
    this.#last = { reading, exact: { atMs, costMs, totalBytes: snapshot.totalBytes } };
    if (this.#metrics.dueInMs <= 0) this.#printMetrics(reading);
    if (this.#limits !== null) this.#decide(snapshot, this.#limits);
  }

  #decide(snapshot: Snapshot, limits: Limits): void {
    const [state, ...actions] = decide(this.#state, this.#input(snapshot, limits));
    this.#state = state;
    if (isRearmed(snapshot.totalBytes, limits)) this.#reported.clear();
    for (const action of actions) this.#carryOut(action, snapshot.totalBytes, limits);
  }

  #input(snapshot: Snapshot, limits: Limits): PolicyInput {
    return { snapshot, ready: this.#ready, specs: this.#options.plan.children, limits };
  }

  #carryOut(action: MemoryAction, usedBytes: number, { bytes: quotaBytes }: Limits): void {
    const { plan, log, sendCommand } = this.#options;
    if (action.type === 'report') {
      return log({ event: 'memory', level: action.level, text: action.text, usedBytes, quotaBytes });
    }
    if (plan.memory.guard === 'on') return sendCommand(action);
    const onDemand = plan.children.find((spec) => isOnDemand(spec) && this.#ready.has(spec.name));
    this.#reportOnce(describeAction(action, onDemand?.name ?? null), action.reason, usedBytes);
  }

  /** While memory is above `act`, nothing is started on demand. A quick reading is rather too high, so the last exact one decides
   * where it is lower. */
  #updatePressure(): void {
    if (this.#limits === null || this.#last === null || this.#options.plan.memory.guard !== 'on') return;
    const totalBytes = this.#totalBytes();
    const reason = totalBytes < this.#limits.thresholds.act ? null : describeLevel(totalBytes, this.#limits.bytes);
    if (reason === this.#pressure) return;
    this.#pressure = reason;
    this.#options.sendCommand({ type: 'memory-pressure', reason });
  }

  /** A guard that only warns does not prevent a start on demand. */
  #reportStart(child: ChildName): void {
    const { memory, children } = this.#options.plan;
    const runsOnDemand = children.some((spec) => spec.name === child && isOnDemand(spec));
    if (memory.guard !== 'warn' || !runsOnDemand || this.#limits === null) return;
    const totalBytes = this.#totalBytes();
    if (totalBytes < this.#limits.thresholds.act) return;
    const level = describeLevel(totalBytes, this.#limits.bytes);
    this.#reportOnce('start nothing that runs on demand', level, totalBytes);
  }

  #totalBytes(): number {
    if (this.#last === null) return 0;
    return Math.min(totalOf(this.#last.reading), this.#last.exact?.totalBytes ?? Infinity);
  }

  /** What would be done; not again until memory is well below `act`. */
  #reportOnce(would: string, reason: string, usedBytes: number): void {
    const { plan, log } = this.#options;
    if (this.#reported.has(would)) return;
    this.#reported.add(would);
    const quotaBytes = plan.memory.quota?.bytes ?? 0;
    log({ event: 'memory', level: 'warn', text: `${reason}; would ${would}`, usedBytes, quotaBytes });
  }

  /** Each helper once. */
  #preferHelpersForOomKill({ helpers, atMs }: Snapshot): void {
    const known = this.#helpers;
    this.#helpers = new Map(helpers.map(({ use }) => [processKey(use), known.get(processKey(use)) ?? atMs]));
    if (this.#limits === null || this.#options.plan.memory.guard !== 'on') return;
    for (const { use } of helpers) if (!known.has(processKey(use))) this.#options.preferForOomKill(use);
  }

  #countNewHelpers({ helpers, atMs }: Snapshot): number {
    const isNew = (key: string): boolean => atMs - (this.#helpers.get(key) ?? atMs) < HELPER_IS_NEW_FOR_MS;
    return helpers.filter(({ use }) => isNew(processKey(use))).length;
  }

  #printMetrics(reading: MemoryReading): void {
    const { plan, print, dyno } = this.#options;
    const children = plan.children.map(({ name }) => name);
    this.#metrics.printed();
    print(metricsLine(reading, children, plan.memory, dyno));
  }
}
