import { constants } from 'node:os';
import { EXIT } from '../../exit-status.ts';
import { isTerminal } from '../../output/writer.ts';
import type { DevOptions } from '../options.ts';
import type { LogLine } from '../simulation.ts';
import { type RunningSimulation, startSimulation, type SimulationContext } from '../start-simulation.ts';
import { print } from '../terminal/tty.ts';
import { type Baseline, currentRun, isReady } from './baseline.ts';
import { Interrupted, createContext, ScenarioFailed, type Context, type ContextOptions } from './context.ts';
import { type Figures, type ScenarioName, SCENARIOS } from './figures.ts';
import { Recorder } from './recorder.ts';
import { formatReport, type ScenarioResult, createReport } from './report.ts';
import { boot, baselineOf } from './scenarios/boot.ts';
import { crash } from './scenarios/crash.ts';
import { deploy, release } from './scenarios/deploy.ts';
import { flood } from './scenarios/flood.ts';
import { load } from './scenarios/load.ts';
import { stop } from './scenarios/stop.ts';

/** Keeps the stand-ins' sidekiq busy, so that a bad shutdown loses jobs. */
const BUSY_SIDEKIQ = { STAND_IN_JOB_MS: '4000', STAND_IN_JOB_EVERY_MS: '500' };

/** Runs the scenarios on a simulation of its own. Progress goes to stderr, the verdicts to stdout. Returns the exit
 * code: 0, 1 if anything is bad, 128 + n after a signal, 137 after a second one.
 * @throws ConfigError before anything was started */
export async function rehearse(options: DevOptions, context: SimulationContext): Promise<number> {
  const { first, second } = context.interruption;
  const env = { ...BUSY_SIDEKIQ, ...context.env };
  const running = await startSimulation(options, { ...context, env });
  const wasKilled = killOn(second, running);
  const ended = runScenarios(running, options, { env, path: options.path, interrupted: first });
  const code = await ended.finally(() => Promise.race([running.stop(), wasKilled]));
  return second.aborted ? EXIT.killed : code;
}

async function runScenarios(
  running: RunningSimulation,
  options: DevOptions,
  contextOptions: ContextOptions,
): Promise<number> {
  try {
    return await printReport(running, await runAll(running, options, contextOptions), options.json);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await printProgress('interrupted; stopping all dynos');
    return 128 + constants.signals[contextOptions.interrupted.reason as NodeJS.Signals];
  }
}

async function runAll(
  running: RunningSimulation,
  { scenarios }: DevOptions,
  options: ContextOptions,
): Promise<readonly ScenarioResult[]> {
  const names = SCENARIOS.filter((name) => scenarios?.includes(name) ?? true);
  const recorder = new Recorder(running);
  const context = createContext(running, options);
  await printProgress('release ...');
  const outcome = await Promise.race([running.released, untilInterrupted(options.interrupted)]);
  recorder.close();
  if (outcome === 'succeeded') return run(context, names, (scenario) => void printProgress(`${scenario} ...`));
  const figures = { scenario: names[0] ?? 'boot', failed: 'the first release failed, so no dyno was started' };
  return [{ figures, tookMs: 0, log: lastLines(recorder.lines) }];
}

async function printReport(
  running: RunningSimulation,
  results: readonly ScenarioResult[],
  json: boolean,
): Promise<number> {
  const report = createReport(running.view(), results);
  const isColoured = isTerminal(1) && !process.env.NO_COLOR;
  await print(1, json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report, isColoured));
  return report.verdict === 'good' ? EXIT.ok : EXIT.unexpected;
}

function untilInterrupted(interrupted: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new Interrupted('interrupted'));
    if (interrupted.aborted) end();
    else interrupted.addEventListener('abort', end, { once: true });
  });
}

/** After a second signal nothing is waited for. */
function killOn(second: AbortSignal, running: RunningSimulation): Promise<void> {
  return new Promise((resolve) => {
    second.addEventListener('abort', () => void running.kill().then(resolve), { once: true });
  });
}

function printProgress(text: string): Promise<void> {
  return print(2, `rehearsal: ${text}\n`);
}

type Scenario = (context: Context, baseline: Baseline) => Promise<Figures>;

const SCENARIO_FUNCTIONS: Readonly<Record<Exclude<ScenarioName, 'boot'>, Scenario>> = {
  load,
  deploy,
  crash,
  flood,
  stop,
  release,
};

/** The last log lines shown for a scenario. */
const MAX_LOG_LINES = 40;

const SUCCESSFUL_REQUEST = /^at=info .* status=[1-4]/;

/** Runs the scenarios one after the other. The boot is always observed, because it gives the baseline, but reported
 * only if asked for.
 * @throws Interrupted */
export async function run(
  context: Context,
  names: readonly ScenarioName[],
  onStart: (scenario: ScenarioName) => void,
): Promise<ScenarioResult[]> {
  onStart('boot');
  const first = await runOne(context, 'boot', () => boot(context));
  const results = names.includes('boot') ? [first] : [];
  const baseline = baselineOf(context.simulation.view());
  const late = context.simulation.view().dynos.filter((dyno) => {
    const run = currentRun(dyno);
    return run === undefined || !isReady(run);
  });
  for (const name of names) {
    if (name === 'boot') continue;
    onStart(name);
    const scenario: Scenario =
      late.length === 0
        ? SCENARIO_FUNCTIONS[name]
        : () => failScenario(`${late.map((dyno) => dyno.name).join(', ')} did not boot`);
    results.push(await runOne(context, name, () => scenario(context, baseline)));
  }
  return results;
}

/** A scenario that cannot continue has FailedFigures. */
async function runOne(context: Context, scenario: ScenarioName, run: () => Promise<Figures>): Promise<ScenarioResult> {
  const recorder = new Recorder(context.simulation);
  const since = context.clock.now();
  const figures = await run()
    .catch((error: unknown): Figures => {
      if (error instanceof ScenarioFailed) return { scenario, failed: error.message };
      throw error;
    })
    .finally(() => recorder.close());
  return { figures, tookMs: context.clock.now() - since, log: lastLines(recorder.lines) };
}

/** Omits successful requests: there are hundreds of them. */
export function lastLines(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.filter(({ from, text }) => from !== 'router' || !SUCCESSFUL_REQUEST.test(text)).slice(-MAX_LOG_LINES);
}

function failScenario(why: string): Promise<never> {
  return Promise.reject(new ScenarioFailed(why));
}
