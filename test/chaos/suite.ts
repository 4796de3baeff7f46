import fc from 'fast-check';
import { check } from './checker.ts';
import type { History, RealHistory } from './history.ts';
import { checkReal } from './real-checker.ts';
import { RAILS_APP, runRealScenario, SMALL_APP } from './real-run.ts';
import { realScenarios, type RealScenario } from './real-scenario.ts';
import { runScenario } from './run.ts';
import { install, type Installation } from './sandbox.ts';
import { scenarios, type Scenario } from './scenario.ts';

/** One scenario in this many uses the real puma, sidekiq and Redis. */
const REAL_EVERY = 20;
/** These mostly wait, but each boots several Ruby processes. */
const REAL_SLOTS = 3;
/** What is later than this proves nothing: the dyno and the harness itself may have missed the times that are checked. */
const MAX_LAG_MS = 500;
const MAX_ATTEMPTS = 3;

/** Timing varies: a scenario that passes this many runs counts as passed. */
const RUNS = 6;

/** Runs and checks scenarios of one kind, at most as many at a time as it has slots. */
export type Harness<S> = {
  slots: number;
  scenarios: fc.Arbitrary<S>;
  run(this: void, scenario: S): Promise<Seen>;
  close(this: void): void;
};

/** history: null where the harness itself failed; violations: in words. */
export type Seen = { history: History | RealHistory | null; violations: string[] };
export type Result<S> = Seen & { scenario: S; isInconclusive: boolean };
export type AnyScenario = Scenario | RealScenario;
export type AnyResult = Result<AnyScenario>;

export class Pool<S> {
  readonly harness: Harness<S>;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(harness: Harness<S>) {
    this.harness = harness;
    this.#free = harness.slots;
  }

  /** create: called once a slot is free, so that not all scenarios are in memory. Never rejects: a failure of the harness is a violation. */
  async run(create: () => S): Promise<Result<S>> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    const scenario = create();
    try {
      for (let attempt = 1; ; attempt += 1) {
        const seen = await this.harness.run(scenario);
        const isInconclusive = seen.history !== null && seen.history.lagMs > MAX_LAG_MS;
        if (!isInconclusive) return { scenario, ...seen, isInconclusive };
        if (attempt === MAX_ATTEMPTS) return { scenario, ...seen, violations: [], isInconclusive };
      }
    } catch (error) {
      return { scenario, history: null, violations: [failure(error)], isInconclusive: false };
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
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

/** Each scenario has a seed of its own, of which fast-check makes one value. */
function positionOf(seed: number, [number = 0, ...steps]: readonly number[]) {
  return { seed: (seed * 1_000_003 + number) | 0, path: [0, ...steps].join(':'), numRuns: 1 };
}

export function scenarioAt<S>(scenarios: fc.Arbitrary<S>, seed: number, path: readonly number[]): S {
  const [scenario] = fc.sample(scenarios, positionOf(seed, path));
  if (scenario === undefined) throw new Error(`there is no scenario ${path.join(':')}`);
  return scenario;
}

/** Runs the scenario at `path` again. Null where it passes. */
export async function replay<S>(seed: number, path: readonly number[], pool: Pool<S>): Promise<Failure<S> | null> {
  const result = await firstFailure(scenarioAt(pool.harness.scenarios, seed, path), pool);
  return result && { result, path };
}

/** Takes simpler scenarios for as long as they violate the same invariant. */
export async function shrink<S>(seed: number, { result, path }: Failure<S>, pool: Pool<S>): Promise<Failure<S>> {
  const kinds = kindsOf(result);
  let simplest = null as Result<S> | null;
  const passes = async (scenario: S): Promise<boolean> => {
    // The first one is the scenario that failed.
    const failing = simplest === null ? result : await firstFailure(scenario, pool, kinds);
    simplest = failing ?? simplest;
    return failing === null;
  };
  const property = fc.asyncProperty(pool.harness.scenarios, passes);
  const { counterexamplePath } = await fc.check(property, positionOf(seed, path));
  const steps = counterexamplePath?.split(':').slice(1) ?? [];
  return { result: simplest ?? result, path: [...path.slice(0, 1), ...steps.map(Number)] };
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
  /** Children are Perl scripts, which can behave in any way. */
  readonly #scripted: Pool<Scenario>;
  /** The real puma, sidekiq and Redis, some with Rails, under load. */
  readonly #real: Pool<RealScenario>;

  constructor(root: string, slots: number) {
    this.#scripted = poolOf(install(root), slots, scenarios, runScenario, check);
    this.#real = poolOf(install(root, [SMALL_APP, RAILS_APP]), REAL_SLOTS, realScenarios, runRealScenario, checkReal);
  }

  poolFor(number: number): Pool<AnyScenario> {
    return number % REAL_EVERY === 0 ? this.#real : this.#scripted;
  }

  /** Runs the first `count` scenarios of a seed; those with the real processes last, so that booting Rubies do not delay the others.
   * Results are not kept: ten thousand histories do not fit into memory. */
  runAll(seed: number, count: number, onResult: OnResult = () => {}): Promise<AnyResult['violations']>[] {
    const run = (number: number): Promise<string[]> => this.run(seed, number, onResult);
    const scripted = Array.from({ length: count }, (_, number) => (number % REAL_EVERY === 0 ? null : run(number)));
    const allScripted = Promise.allSettled(scripted.filter((violations) => violations !== null));
    return scripted.map((violations, number) => violations ?? allScripted.then(() => run(number)));
  }

  async run(seed: number, number: number, onResult: OnResult = () => {}): Promise<string[]> {
    const pool = this.poolFor(number);
    const result = await pool.run(() => scenarioAt(pool.harness.scenarios, seed, [number]));
    onResult(result, number);
    return result.violations;
  }

  close(): void {
    this.#scripted.harness.close();
    this.#real.harness.close();
  }
}

function poolOf<S, H extends History | RealHistory>(
  { folder, remove }: Installation,
  slots: number,
  scenarios: fc.Arbitrary<S>,
  run: (scenario: S, installation: string) => Promise<H>,
  check: (scenario: S, history: H) => string[],
): Pool<S> {
  return new Pool({
    ...{ slots, scenarios, close: remove },
    async run(scenario) {
      const history = await run(scenario, folder);
      return { history, violations: check(scenario, history) };
    },
  });
}
