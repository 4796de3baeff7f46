import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isolateRun } from '../harness/leftovers.ts';
import type { RealHistory, RequestRecord } from './history.ts';
import type { RealFault } from './real-scenario.ts';
import type { Fault } from './scenario.ts';
import { replay, shrink, Suite, type AnyResult } from './suite.ts';

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
type Outcome = { exitCode: number; report: Report | null };

export async function chaos(options: Options): Promise<Outcome> {
  const bounds = isolateRun();
  const suite = new Suite(options.root, options.slots);
  const result = await (options.path === null ? runAll(options, suite) : runOne(options, options.path, suite));
  suite.close();
  const left = await bounds.left();
  if (left.length === 0) return result;
  console.log(`left behind by this run:\n${left.join('\n')}`);
  return { ...result, exitCode: 1 };
}

async function runAll({ runs, seed, slots, keep }: Options, suite: Suite): Promise<Outcome> {
  console.log(`${runs} scenarios of seed ${seed}, ${slots} at a time`);
  const startedAtMs = performance.now();
  const stats = new Stats();
  let failed = 0;
  const timer = setInterval(() => {
    const perSecond = (1000 * stats.scenarios) / (performance.now() - startedAtMs);
    const left = stats.scenarios > 0 ? `, ${Math.round((runs - stats.scenarios) / perSecond)} s left` : '';
    console.log(`${stats.scenarios} of ${runs} scenarios, ${failed} with violations, ${perSecond.toFixed(1)}/s${left}`);
  }, PROGRESS_EVERY_MS);
  const onResult = (result: AnyResult, number: number): void => {
    stats.add(result);
    if (result.violations.length === 0) return;
    failed += 1;
    print(result, seed, `${number}`, keep);
  };
  await Promise.all(suite.runAll(seed, runs, onResult));
  clearInterval(timer);
  const minutes = ((performance.now() - startedAtMs) / 60_000).toFixed(1);
  const violations = failed === 0 ? 'no violation' : `${failed} with violations`;
  const title = `${runs} scenarios of seed ${seed}, ${slots} at a time, in ${minutes} min: ${violations}`;
  console.log(`${title}\n${stats.describe()}`);
  const report = { short: `**${title}.**\n\n${stats.summarize()}`, long: `**${title}.**\n\n${stats.describe()}` };
  return { exitCode: failed === 0 ? 0 : 1, report };
}

/** Prints the failure and the simplest scenario that fails in the same way. */
async function runOne({ seed, keep }: Options, path: string, suite: Suite): Promise<Outcome> {
  const steps = path.split(':').map(Number);
  const pool = suite.poolFor(steps[0] ?? 0);
  const failure = await replay(seed, steps, pool);
  if (failure === null) {
    console.log('no violation in several runs');
    return { exitCode: 0, report: null };
  }
  print(failure.result, seed, path, keep);
  const simplest = await shrink(seed, failure, pool);
  console.log('simplest:');
  print(simplest.result, seed, simplest.path.join(':'), keep);
  console.log(JSON.stringify(simplest.result.scenario, null, 1));
  return { exitCode: 1, report: null };
}

function print(result: AnyResult, seed: number, path: string, keep: string | null): void {
  const violations = result.violations.map((violation) => `  ${violation}`);
  console.log([...violations, `  npm run chaos -- --seed ${seed} --path ${path}`].join('\n'));
  if (keep === null) return;
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, `${seed}-${path.replaceAll(':', '-')}.json`), JSON.stringify(result, null, 1));
}

class Counts {
  readonly #counts = new Map<string, number>();

  add(key: string, count = 1): void {
    this.#counts.set(key, this.of(key) + count);
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  /** The most frequent first. */
  list(): string {
    const sorted = [...this.#counts].sort(([, one], [, other]) => other - one);
    return sorted.map(([name, times]) => `${name} ${times}`).join(', ');
  }
}

/** What a series of scenarios consisted of: it proves as much as happened in it. */
export class Stats {
  readonly #totals = new Counts();
  readonly #settings = new Counts();
  readonly #faults = new Counts();
  readonly #exits = new Counts();
  #maxLagMs = 0;

  get scenarios(): number {
    return this.#totals.of('scenarios');
  }

  add({ scenario, history, isInconclusive }: AnyResult): void {
    this.#totals.add('scenarios');
    if (isInconclusive) this.#totals.add('inconclusive');
    for (const setting of settingsOf(scenario)) this.#settings.add(setting);
    if (history === null) return this.#exits.add('none, the harness failed');
    this.#maxLagMs = Math.max(this.#maxLagMs, history.lagMs);
    const { code, signal } = history.end;
    if (signal !== null && signal !== 'SIGKILL') this.#totals.add('ended at boot');
    this.#exits.add(`${code ?? signal ?? '?'}`);
    for (const { fault } of history.injected) this.#faults.add(nameOf(fault));
    for (const { result } of history.requests) this.#totals.add(`requests ${outcomeOf(result)}`);
    this.#totals.add('requests', history.requests.length);
    if ('jobs' in history) this.#addJobs(history);
    else this.#totals.add('processes', new Set(history.events.map(({ pid }) => pid)).size);
  }

  summarize(): string {
    const of = (key: string): number => this.#totals.of(key);
    const [jobs, done, lost] = [of('jobs'), of('jobs done'), of('jobs lost')];
    return [
      `- dynos: ${this.scenarios}, ${of('real')} of them with the real puma, sidekiq and Redis; scripted child processes: ${of('processes')}`,
      `- jobs: ${jobs}. ${done} were done, ${jobs - done - lost} stayed in Redis for the next dyno, and ${lost} were lost. The lost ones were in progress in a sidekiq that was killed or could not reach Redis, or a restarted Redis lost them`,
      `- requests: ${of('requests')}, of which ${of('requests answered')} were answered and ${of('requests refused')} were refused; the others were cut or found no listener`,
    ].join('\n');
  }

  describe(): string {
    return [
      this.summarize(),
      `- settings and behavior: ${this.#settings.list()}`,
      `- faults: ${this.#faults.list()}`,
      `- exit codes: ${this.#exits.list()}`,
      `- ended by a signal before the supervisor's first line, and checked only for what is left: ${this.#totals.of('ended at boot')}`,
      `- the machine was late by up to ${Math.round(this.#maxLagMs)} ms, too late to check anything in ${this.#totals.of('inconclusive')} scenarios`,
    ].join('\n');
  }

  #addJobs({ jobs, events, waitingJobs }: RealHistory): void {
    const done = new Set(events.filter(({ event }) => event === 'finished').map(({ id }) => id));
    this.#totals.add('real');
    this.#totals.add('jobs', jobs.length);
    this.#totals.add('jobs done', jobs.filter(({ id }) => done.has(id)).length);
    this.#totals.add('jobs lost', jobs.filter(({ id }) => !done.has(id) && !waitingJobs.includes(id)).length);
  }
}

function outcomeOf(result: RequestRecord['result']): 'answered' | 'refused' | 'cut' {
  if (typeof result === 'string' || !result.isComplete) return 'cut';
  return result.status === 200 ? 'answered' : 'refused';
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
