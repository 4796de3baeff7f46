import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isolateRun } from '../harness/leftovers.ts';
import type { History, RealHistory } from './history.ts';
import type { Fault, RealFault } from './scenario.ts';
import { replay, shrink, Suite, type AnyResult, type Failure, type Pool, type Result } from './suite.ts';

const PROGRESS_EVERY_MS = 10_000;

/** path: of one scenario to replay and shrink; keep: a folder for the histories of failures. */
export type Options = {
  root: string;
  runs: number;
  seed: number;
  path: string | null;
  slots: number;
  keep: string | null;
};

/** Markdown, for README.md and docs/evidence.md. */
export type Report = { short: string; long: string };

export async function chaos(options: Options): Promise<{ exitCode: number; report: Report | null }> {
  const bounds = isolateRun();
  const suite = new Suite(options.root, options.slots);
  const result = await (options.path === null ? runAll(options, suite) : runOne(options, options.path, suite));
  suite.close();
  const left = await bounds.left();
  if (left.length === 0) return result;
  console.log(`left behind by this run:\n${left.join('\n')}`);
  return { ...result, exitCode: 1 };
}

async function runAll({ runs, seed, slots, keep }: Options, suite: Suite) {
  console.log(`${runs} scenarios of seed ${seed}, ${slots} at a time`);
  const startedAtMs = performance.now();
  const stats = new Stats();
  let done = 0;
  let failed = 0;
  const timer = setInterval(() => {
    const perSecond = (1000 * done) / (performance.now() - startedAtMs);
    const left = done > 0 ? `, ${Math.round((runs - done) / perSecond)} s left` : '';
    console.log(`${done} of ${runs} scenarios, ${failed} with violations, ${perSecond.toFixed(1)}/s${left}`);
  }, PROGRESS_EVERY_MS);
  const onResult = (result: AnyResult, number: number): void => {
    done += 1;
    stats.add(result);
    if (result.violations.length === 0) return;
    failed += 1;
    print(result, seed, `${number}`, keep);
  };
  await Promise.all(suite.runAll(seed, runs, onResult));
  clearInterval(timer);
  const minutes = ((performance.now() - startedAtMs) / 60_000).toFixed(1);
  const violations = failed === 0 ? 'no violation' : `${failed} with violations`;
  const title = `${done} scenarios of seed ${seed}, ${slots} at a time, in ${minutes} min: ${violations}`;
  console.log(`${title}\n${stats.describe()}`);
  const report = { short: `**${title}.**\n\n${stats.summarize()}`, long: `**${title}.**\n\n${stats.describe()}` };
  return { exitCode: failed === 0 ? 0 : 1, report };
}

async function runOne(options: Options, path: string, suite: Suite): Promise<{ exitCode: number; report: null }> {
  const steps = path.split(':').map(Number);
  const isReal = suite.isReal(steps[0] ?? 0);
  const isFailing = await (isReal ? runPath(options, steps, suite.real) : runPath(options, steps, suite.scripted));
  return { exitCode: isFailing ? 1 : 0, report: null };
}

/** Prints the failure and the simplest scenario that fails in the same way. */
async function runPath<S>({ seed, keep }: Options, path: readonly number[], pool: Pool<S>): Promise<boolean> {
  const failure = await replay(seed, path, pool);
  if (failure === null) {
    console.log('no violation in several runs');
    return false;
  }
  const printFailure = (one: Failure<S>): void => print(one.result, seed, one.path.join(':'), keep);
  printFailure(failure);
  const simplest = await shrink(failure, pool);
  console.log('simplest:');
  printFailure(simplest);
  console.log(JSON.stringify(simplest.result.scenario, null, 1));
  return true;
}

function print(result: Result<unknown>, seed: number, path: string, keep: string | null): void {
  const violations = result.violations.map((violation) => `  ${violation}`);
  console.log([...violations, `  npm run chaos -- --seed ${seed} --path ${path}`].join('\n'));
  if (keep === null) return;
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, `${seed}-${path.replaceAll(':', '-')}.json`), JSON.stringify(result, null, 1));
}

type Counts = Map<string, number>;

/** What a series of scenarios consisted of: it proves as much as happened in it. */
export class Stats {
  readonly #settings: Counts = new Map();
  readonly #faults: Counts = new Map();
  readonly #exits: Counts = new Map();
  readonly #requests = { sent: 0, answered: 0, rejected: 0 };
  readonly #jobs = { enqueued: 0, done: 0, lost: 0 };
  #scenarios = 0;
  #real = 0;
  #processes = 0;
  #endedAtBoot = 0;
  #inconclusive = 0;
  #maxLagMs = 0;

  add({ scenario, history, isInconclusive }: AnyResult): void {
    this.#scenarios += 1;
    if (isInconclusive) this.#inconclusive += 1;
    for (const setting of settingsOf(scenario)) count(this.#settings, setting);
    if (history === null) return count(this.#exits, 'none, the harness failed');
    this.#maxLagMs = Math.max(this.#maxLagMs, history.lagMs);
    const { code, signal } = history.end;
    if (signal !== null && signal !== 'SIGKILL') this.#endedAtBoot += 1;
    count(this.#exits, `${code ?? signal ?? '?'}`);
    for (const { fault } of history.injected) count(this.#faults, nameOf(fault));
    if ('jobs' in history) this.#addReal(history);
    else this.#addScripted(history);
  }

  /** Markdown. */
  summarize(): string {
    const { sent, answered, rejected } = this.#requests;
    const { enqueued, done, lost } = this.#jobs;
    return [
      `- dynos: ${this.#scenarios}, ${this.#real} of them with the real puma, sidekiq and Redis; scripted child processes: ${this.#processes}`,
      `- jobs: ${enqueued}, of which ${done} were done, ${enqueued - done - lost} remained in Redis for the next dyno, and ${lost} were lost: in progress in a sidekiq that was killed or could not reach Redis, or lost by a Redis that was restarted`,
      `- requests: ${sent}, of which ${answered} got a complete response and ${rejected} were rejected; the connections of the others broke or were refused`,
    ].join('\n');
  }

  /** Markdown, with the summary. */
  describe(): string {
    return [
      this.summarize(),
      `- settings and behavior: ${list(this.#settings)}`,
      `- faults: ${list(this.#faults)}`,
      `- exit codes: ${list(this.#exits)}`,
      `- ended by a signal before the supervisor's first line, and checked only for what is left: ${this.#endedAtBoot}`,
      `- the machine was late by up to ${Math.round(this.#maxLagMs)} ms, too late to check anything in ${this.#inconclusive} scenarios`,
    ].join('\n');
  }

  #addReal({ requests, jobs, events, waitingJobs }: RealHistory): void {
    this.#real += 1;
    const done = new Set(events.filter(({ event }) => event === 'finished').map(({ id }) => id));
    const kept = new Set([...done, ...waitingJobs]);
    this.#jobs.enqueued += jobs.length;
    this.#jobs.done += jobs.filter(({ id }) => done.has(id)).length;
    this.#jobs.lost += jobs.filter(({ id }) => !kept.has(id)).length;
    for (const { result } of requests) this.#addRequest(typeof result === 'object' ? result.status : null);
  }

  #addScripted({ requests, events }: History): void {
    this.#processes += new Set(events.map(({ pid }) => pid)).size;
    for (const { result } of requests) {
      this.#addRequest(typeof result === 'object' && result.isComplete ? result.status : null);
    }
  }

  /** status: null where there was no complete response. */
  #addRequest(status: number | null): void {
    this.#requests.sent += 1;
    if (status === 200) this.#requests.answered += 1;
    else if (status !== null) this.#requests.rejected += 1;
  }
}

function count(counts: Counts, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The most frequent first. */
function list(counts: Counts): string {
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  return sorted.map(([name, times]) => `${name} ${times}`).join(', ');
}

/** `role web`, `hasRouter`, `daemon bare`: what is set and is no number. */
function settingsOf(scenario: object): string[] {
  return Object.entries(scenario).flatMap(([name, value]: [string, unknown]) => {
    if (value === true) return [name];
    if (typeof value === 'string' && value !== 'off' && value !== 'none') return [`${name} ${value}`];
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return [];
    return 'kind' in value ? [`${name} ${String(value.kind)}`] : settingsOf(value);
  });
}

function nameOf(fault: Fault | RealFault): string {
  const name = 'signal' in fault ? fault.signal : fault.type;
  return 'target' in fault ? `${name} ${fault.target}` : name;
}
