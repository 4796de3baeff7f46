import type { Fact, Tell } from '../facts.ts';
import type { Cancel, Clock, MemoryReader, MemoryReading, ProcessId } from '../host/host.ts';
import type { Relief } from '../measures.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { level } from './amounts.ts';
import { inWords } from './in-words.ts';
import { idOf } from './transients.ts';
import { logLine, MemoryLog } from './log-line.ts';
import { isOnDemand, NOTHING_YET, type Case, type Limits, type Memory, type Verdict } from './memory.ts';
import { ASK_FOR_PROCESSES_EVERY_MS, isStill, LOOK_EVERY_MS, pauseMs, wantsExact, type Exact } from './pace.ts';
import { glimpse, isCalm, judge } from './verdict.ts';
import { totalOf, view, type View } from './view.ts';

export type GuardOptions = {
  plan: ServePlan;
  reader: MemoryReader;
  clock: Clock;
  tell: Tell;
  /** Has a measure taken. */
  take: (measure: Relief) => void;
  /** Offers a process to the kernel, should that have to choose. */
  sacrifice: (id: ProcessId) => void;
  /** Writes a line as it is. */
  print: (line: string) => void;
  /** The name of this run. */
  dyno: string;
};

const HURRY_AT_MOST_EVERY_MS = 200;
const FRESH_FOR_MS = 60_000;

/** Looks at the memory of a dyno on the clock, and has done what the verdicts say. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #limits: Limits | null;
  readonly #up = new Set<ChildName>();
  /** Somebody has come up: what it holds now is its rest. */
  #isNew = false;
  /** The helpers, and since when they are known. */
  #helpers: ReadonlyMap<string, number> = new Map();
  #memory: Memory = NOTHING_YET;
  #last: { reading: MemoryReading; exact: Exact | null } | null = null;
  readonly #log: MemoryLog;
  #said = new Set<string>();
  #cancel: Cancel = () => {};
  #forgetShortage: Cancel = () => {};

  constructor(options: GuardOptions) {
    const { memory } = options.plan;
    this.#options = options;
    this.#limits = memory.guard === 'off' ? null : memory.quota;
    this.#log = new MemoryLog(memory.logEveryMs, options.clock);
  }

  start(): void {
    this.#forgetShortage = this.#options.reader.onShortage(() => this.#hurry());
    this.#look(false);
  }

  /** What happens to the children: who is up. */
  hear(fact: Fact): void {
    if (fact.fact === 'ready' || fact.fact === 'taken-as-up') {
      this.#up.add(fact.child);
      this.#isNew = true;
    }
    if (fact.fact === 'started' || fact.fact === 'ended') this.#up.delete(fact.child);
  }

  /** Why no child that runs on demand may be started now: memory is above `relieve`; null when it is not. From the last look,
   * which is a second old at most, however often it is asked; a quick look is rather too high, so what was counted decides. */
  shortage(): string | null {
    const { plan } = this.#options;
    if (this.#limits === null || this.#last === null) return null;
    const { reading, exact } = this.#last;
    const totalBytes = Math.min(totalOf(reading), exact?.totalBytes ?? Infinity);
    if (totalBytes < this.#limits.thresholds.relieve) return null;
    const why = level(totalBytes, this.#limits.bytes);
    if (plan.memory.guard === 'on') return why;
    this.#sayOnce('start nothing that runs on demand', why, totalBytes);
    return null;
  }

  close(): void {
    this.#cancel();
    this.#forgetShortage();
  }

  /** The kernel may say so a hundred times a second. */
  #hurry(): void {
    const { clock } = this.#options;
    this.#cancel();
    const waitMs = (this.#last?.reading.atMs ?? 0) + HURRY_AT_MOST_EVERY_MS - clock.now();
    if (waitMs <= 0) this.#look(true);
    else this.#cancel = clock.after(waitMs, () => this.#look(true));
  }

  #look(isShort: boolean): void {
    const { reader } = this.#options;
    const quick = reader.read(false);
    if (!isShort && this.#isAtRest(quick)) {
      return this.#wait(LOOK_EVERY_MS);
    }
    const seen = view(quick, this.#last?.reading ?? null);
    this.#offer(seen);
    const look = { ...seen, helpers: this.#fresh(seen) };
    const last = this.#last?.exact ?? null;
    const limits = this.#limits;
    if (limits !== null) this.#memory = glimpse(this.#memory, this.#case(seen, limits));
    const isWanted = limits !== null && (this.#isNew || wantsExact(look, last, limits, isShort));
    if (isWanted || this.#log.dueInMs <= 0) this.#readExactly();
    else this.#last = { reading: quick, exact: last };
    this.#wait(limits === null ? this.#log.dueInMs : pauseMs(look, limits));
  }

  /** The next look, at the latest after `pauseMs`, and sooner when there is a new process: it may be a helper. */
  #wait(pauseMs: number): void {
    const { clock, reader } = this.#options;
    const stepMs = this.#limits === null ? pauseMs : Math.min(pauseMs, ASK_FOR_PROCESSES_EVERY_MS);
    this.#cancel = clock.after(stepMs, () => {
      if (stepMs === pauseMs || reader.hasNewProcess()) this.#look(false);
      else this.#wait(pauseMs - stepMs);
    });
  }

  /** Nobody new and nothing moved: nothing to think about, which costs more than to look. */
  #isAtRest(quick: MemoryReading): boolean {
    const { reading, exact } = this.#last ?? {};
    if (this.#limits === null || !exact || this.#isNew || this.#helpers.size > 0 || this.#log.dueInMs <= 0)
      return false;
    return (
      quick.processes.length === reading?.processes.length && isStill(totalOf(quick), quick.atMs, exact, this.#limits)
    );
  }

  #readExactly(): void {
    this.#isNew = false;
    const reading = this.#options.reader.read(true);
    const seen = view(reading, this.#last?.reading ?? null);
    const { atMs, costMs } = reading;
    this.#last = { reading, exact: { atMs, costMs, totalBytes: seen.totalBytes } };
    if (this.#log.dueInMs <= 0) this.#print(reading);
    if (this.#limits !== null) this.#judge(seen, this.#limits);
  }

  #judge(seen: View, limits: Limits): void {
    const [memory, ...verdicts] = judge(this.#memory, this.#case(seen, limits));
    this.#memory = memory;
    if (isCalm(seen.totalBytes, limits)) this.#said.clear();
    for (const verdict of verdicts) this.#carryOut(verdict, seen, limits);
  }

  #case(view: View, limits: Limits): Case {
    return { view, up: this.#up, specs: this.#options.plan.children, limits };
  }

  #carryOut(verdict: Verdict, { totalBytes }: View, { bytes }: Limits): void {
    const { plan, tell, take } = this.#options;
    const fact = { fact: 'memory', usedBytes: totalBytes, quotaBytes: bytes } as const;
    if (verdict.type === 'say') return tell({ ...fact, level: verdict.level, text: verdict.text });
    if (plan.memory.guard === 'on') return take(verdict);
    const spare = plan.children.find((spec) => isOnDemand(spec) && this.#up.has(spec.name));
    this.#sayOnce(inWords(verdict, spare?.name ?? null), verdict.why, totalBytes);
  }

  /** What would be done, until memory is calm again. */
  #sayOnce(would: string, why: string, usedBytes: number): void {
    const { plan, tell } = this.#options;
    if (this.#said.has(would)) return;
    this.#said.add(would);
    const quotaBytes = plan.memory.quota?.bytes ?? 0;
    tell({ fact: 'memory', level: 'warn', text: `${why}; would ${would}`, usedBytes, quotaBytes });
  }

  /** Each helper once. */
  #offer({ helpers, atMs }: View): void {
    const known = this.#helpers;
    this.#helpers = new Map(helpers.map(({ use }) => [idOf(use), known.get(idOf(use)) ?? atMs]));
    if (this.#limits === null || this.#options.plan.memory.guard !== 'on') return;
    for (const { use } of helpers) if (!known.has(idOf(use))) this.#options.sacrifice(use);
  }

  /** Helpers that may still do something unforeseen: one that has run for long does not. */
  #fresh({ helpers, atMs }: View): number {
    return helpers.filter(({ use }) => atMs - (this.#helpers.get(idOf(use)) ?? atMs) < FRESH_FOR_MS).length;
  }

  #print(reading: MemoryReading): void {
    const { plan, print, dyno } = this.#options;
    const children = plan.children.map(({ name }) => name);
    this.#log.printed();
    print(logLine(reading, children, plan.memory, dyno));
  }
}
