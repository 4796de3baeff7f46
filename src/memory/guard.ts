import type { MemoryCommand, SupervisorEvent } from '../commands.ts';
import type { Cancel, MemoryReader, MemoryReading, ProcessId } from '../host.ts';
import type { Log } from '../log/events.ts';
import type { ChildName } from '../plan/spec.ts';
import { processKey } from './helper-processes.ts';
import { describeAction, describeLevel } from './messages.ts';
import { MetricsLog, type MetricsOptions } from './metrics-line.ts';
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

type GuardOptions = MetricsOptions & {
  reader: MemoryReader;
  log: Log;
  sendCommand: (command: MemoryCommand) => void;
  preferForOomKill: (id: ProcessId) => void;
};

const MIN_PRESSURE_INTERVAL_MS = 200;
/** A helper that has run for longer does nothing unforeseen any more. */
const HELPER_IS_NEW_FOR_MS = 60_000;

/** Samples the memory of a dyno, and carries out or logs what the policy decides. */
export class MemoryGuard {
  readonly #options: GuardOptions;
  /** null: nothing is compared with a quota. */
  readonly #limits: Limits | null;
  readonly #metrics: MetricsLog;
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
    this.#options = options;
    this.#limits = options.plan.memory.guard === 'off' ? null : options.plan.memory.quota;
    this.#metrics = new MetricsLog(options);
  }

  start(): void {
    this.#cancelPressure = this.#options.reader.onPressure(() => this.#sampleSoon());
    this.#sample(false);
  }

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
    const sample = { ...snapshot, helpers: this.#noteHelpers(snapshot) };
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
    if (this.#limits === null || !exact || this.#hasNewReady || this.#pressure !== null) return false;
    if (this.#helpers.size > 0) return false;
    if (this.#metrics.dueInMs <= 0 || quick.processes.length !== reading?.processes.length) return false;
    return isUnchanged(totalOf(quick), quick.atMs, exact, this.#limits);
  }

  #readExactly(): void {
    this.#hasNewReady = false;
    const reading = this.#options.reader.read(true);
    const snapshot = takeSnapshot(reading, this.#last?.reading ?? null);
    this.#last = { reading, exact: { atMs: reading.atMs, costMs: reading.costMs, totalBytes: snapshot.totalBytes } };
    this.#metrics.printIfDue(reading);
    if (this.#limits === null) return;
    const limits = this.#limits;
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

  /** While memory is above `act`, nothing is started on demand. */
  #updatePressure(): void {
    const reason = this.#options.plan.memory.guard === 'on' ? this.#levelAboveAct() : null;
    if (reason === this.#pressure) return;
    this.#pressure = reason;
    this.#options.sendCommand({ type: 'memory-pressure', reason });
  }

  /** A guard that only warns does not prevent a start on demand. */
  #reportStart(child: ChildName): void {
    const { memory, children } = this.#options.plan;
    const level = this.#levelAboveAct();
    if (memory.guard !== 'warn' || level === null) return;
    if (!children.some((spec) => spec.name === child && isOnDemand(spec))) return;
    this.#reportOnce('start nothing that runs on demand', level, this.#totalBytes);
  }

  /** null below `act`. */
  #levelAboveAct(): string | null {
    if (this.#limits === null || this.#totalBytes < this.#limits.thresholds.act) return null;
    return describeLevel(this.#totalBytes, this.#limits.bytes);
  }

  /** A quick reading is rather too high, so the last exact one counts where it is lower. */
  get #totalBytes(): number {
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

  /** Marks each new helper for the OOM killer. Returns how many helpers are new. */
  #noteHelpers({ helpers, atMs }: Snapshot): number {
    const known = this.#helpers;
    const prefers = this.#limits !== null && this.#options.plan.memory.guard === 'on';
    this.#helpers = new Map(helpers.map(({ use }) => [processKey(use), known.get(processKey(use)) ?? atMs]));
    for (const { use } of helpers) if (prefers && !known.has(processKey(use))) this.#options.preferForOomKill(use);
    return [...this.#helpers.values()].filter((sinceMs) => atMs - sinceMs < HELPER_IS_NEW_FOR_MS).length;
  }
}
