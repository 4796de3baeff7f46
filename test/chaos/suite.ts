import { check } from './checker.ts';
import type { History, RealHistory } from './history.ts';
import { randomRealScenario, randomScenario, simplerRealScenarios, simplerScenarios } from './random-scenarios.ts';
import { checkReal } from './real-checker.ts';
import { RAILS_APP, runRealScenario, SMALL_APP } from './real-run.ts';
import { runScenario } from './run.ts';
import { install, Sandbox } from './sandbox.ts';
import type { RealScenario, Scenario } from './scenario.ts';

/** One scenario in this many uses the real puma, sidekiq and Redis. */
const REAL_EVERY = 20;
/** These mostly wait, but each boots several Ruby processes. */
const REAL_SLOTS = 3;
/** What is later than this proves nothing: the dyno and the harness itself may have missed the times that are checked. */
const MAX_LAG_MS = 500;
const MAX_ATTEMPTS = 3;

/** Timing varies: a scenario that passes this many runs counts as passed. */
const RUNS = 6;

/** Runs and checks scenarios of one kind. slot: one of `slots`, each of which is used by one run at a time. */
export type Harness<S> = {
  slots: number;
  /** The same for the same arguments. */
  scenarioOf(this: void, seed: number, number: number): S;
  /** Scenarios that are each one step simpler, always in the same order. */
  simplerThan(this: void, scenario: S): S[];
  run(this: void, scenario: S, slot: number): Promise<Seen>;
  close(this: void): void;
};

/** history: null where the harness itself failed; violations: in words. */
export type Seen = { history: History | RealHistory | null; violations: string[] };
export type Result<S> = Seen & { scenario: S; isInconclusive: boolean };
export type AnyResult = Result<Scenario> | Result<RealScenario>;

/** Runs scenarios in as many slots as its harness has. */
export class Pool<S> {
  readonly harness: Harness<S>;
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  constructor(harness: Harness<S>) {
    this.harness = harness;
    this.#free = Array.from({ length: harness.slots }, (_, slot) => slot);
  }

  /** create: called once a slot is free, so that not all scenarios are in memory. Never rejects: a failure of the harness is a violation. */
  async run(create: () => S): Promise<Result<S>> {
    const slot = this.#free.pop() ?? (await new Promise<number>((resolve) => this.#waiting.push(resolve)));
    const scenario = create();
    try {
      for (let attempt = 1; ; attempt += 1) {
        const seen = await this.harness.run(scenario, slot);
        const isInconclusive = seen.history !== null && seen.history.lagMs > MAX_LAG_MS;
        if (!isInconclusive) return { scenario, ...seen, isInconclusive };
        if (attempt === MAX_ATTEMPTS) return { scenario, ...seen, violations: [], isInconclusive };
      }
    } catch (error) {
      return { scenario, history: null, violations: [failure(error)], isInconclusive: false };
    } finally {
      const next = this.#waiting.shift();
      if (next) next(slot);
      else this.#free.push(slot);
    }
  }
}

function failure(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = text.split('\n').slice(0, 3);
  return `the harness failed: ${lines.map((line) => line.trim()).join(' ')}`;
}

/** path: the number of a scenario, and which simpler scenario to take at each step. */
export type Failure<S> = { result: Result<S>; path: readonly number[] };

/** Runs the scenario at `path` again. Null where it passes. */
export async function replay<S>(seed: number, path: readonly number[], pool: Pool<S>): Promise<Failure<S> | null> {
  const { scenarioOf, simplerThan } = pool.harness;
  const [number = 0, ...steps] = path;
  const scenario = steps.reduce((longer, step) => simplerThan(longer)[step] ?? longer, scenarioOf(seed, number));
  const result = await firstFailure(scenario, pool);
  return result && { result, path };
}

/** Takes simpler scenarios for as long as they violate the same invariant. */
export async function shrink<S>({ result, path }: Failure<S>, pool: Pool<S>): Promise<Failure<S>> {
  const kinds = kindsOf(result);
  for (const [index, scenario] of pool.harness.simplerThan(result.scenario).entries()) {
    const simpler = await firstFailure(scenario, pool, kinds);
    if (simpler !== null) return shrink({ result: simpler, path: [...path, index] }, pool);
  }
  return { result, path };
}

/** kinds: only violations of these kinds count. */
async function firstFailure<S>(scenario: S, pool: Pool<S>, kinds?: ReadonlySet<string>): Promise<Result<S> | null> {
  const results = await Promise.all(Array.from({ length: RUNS }, () => pool.run(() => scenario)));
  const isOfKind = (result: Result<S>): boolean => !kinds || [...kindsOf(result)].some((kind) => kinds.has(kind));
  return results.find((result) => result.violations.length > 0 && isOfKind(result)) ?? null;
}

/** Violations without their numbers and details. */
function kindsOf({ violations }: Result<unknown>): Set<string> {
  return new Set(violations.map((one) => one.replace(/: .*/, '').replace(/\d+/g, 'N')));
}

type OnResult = (result: AnyResult, number: number) => void;

/** All scenarios, each known by its seed and number. */
export class Suite {
  readonly scripted: Pool<Scenario>;
  readonly real: Pool<RealScenario>;

  constructor(root: string, slots: number) {
    this.scripted = new Pool(scriptedHarness(root, slots));
    this.real = new Pool(realHarness(root));
  }

  isReal(number: number): boolean {
    return number % REAL_EVERY === 0;
  }

  /**
   * Runs the first `count` scenarios of a seed; those with the real processes last, so that booting Rubies do not delay the others. Results
   * are not kept: ten thousand histories do not fit into memory.
   */
  runAll(seed: number, count: number, onResult: OnResult = () => {}): Promise<AnyResult['violations']>[] {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const run = (number: number): Promise<string[]> => this.run(seed, number, onResult);
    const scripted = new Map(numbers.filter((number) => !this.isReal(number)).map((number) => [number, run(number)]));
    const allScripted = Promise.allSettled(scripted.values());
    return numbers.map((number) => scripted.get(number) ?? allScripted.then(() => run(number)));
  }

  /** Returns the violations. */
  run(seed: number, number: number, onResult: OnResult = () => {}): Promise<string[]> {
    const runIn = async <S>(pool: Pool<S>): Promise<string[]> => {
      const result = await pool.run(() => pool.harness.scenarioOf(seed, number));
      onResult(result as AnyResult, number);
      return result.violations;
    };
    return this.isReal(number) ? runIn(this.real) : runIn(this.scripted);
  }

  close(): void {
    this.scripted.harness.close();
    this.real.harness.close();
  }
}

/** Children are Perl scripts, which can behave in any way. */
function scriptedHarness(root: string, slots: number): Harness<Scenario> {
  const { folder, remove } = install(root);
  const sandboxes = Array.from({ length: slots }, (_, slot) => new Sandbox(folder, slot));
  return {
    slots,
    scenarioOf: randomScenario,
    simplerThan: simplerScenarios,
    close: remove,
    async run(scenario, slot) {
      const sandbox = sandboxes[slot];
      if (sandbox === undefined) throw new Error(`no slot ${slot}`);
      const history = await runScenario(scenario, sandbox);
      return { history, violations: check(scenario, history) };
    },
  };
}

/** The real puma, sidekiq and Redis, some with Rails, under load. */
function realHarness(root: string): Harness<RealScenario> {
  const { folder, remove } = install(root, [SMALL_APP, RAILS_APP]);
  return {
    slots: REAL_SLOTS,
    scenarioOf: randomRealScenario,
    simplerThan: simplerRealScenarios,
    close: remove,
    async run(scenario) {
      const history = await runRealScenario(scenario, folder);
      return { history, violations: checkReal(scenario, history) };
    },
  };
}
