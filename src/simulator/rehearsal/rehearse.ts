import { constants } from 'node:os';
import { EXIT } from '../../exit-status.ts';
import { isTerminal } from '../../output/writer.ts';
import type { DevOptions } from '../options.ts';
import type { LogLine } from '../simulation.ts';
import { type RunningSimulation, startSimulation, type SimulationContext, whenAborted } from '../start-simulation.ts';
import { print } from '../terminal/tty.ts';
import { type Baseline, currentRun, isReady } from './baseline.ts';
import { Interrupted, createContext, ScenarioFailed, type Context } from './context.ts';
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
  const wasKilled = whenAborted(second).then(() => running.kill());
  const scenarioContext = createContext(running, { env, path: options.path, interrupted: first });
  const ended = runAndReport(running, options, scenarioContext);
  const code = await ended.finally(() => Promise.race([running.stop(), wasKilled]));
  return second.aborted ? EXIT.killed : code;
}

async function runAndReport(running: RunningSimulation, options: DevOptions, context: Context): Promise<number> {
  try {
    const results = await runAll(running, options, context);
    const report = createReport(running.view(), results);
    const isColoured = isTerminal(1) && !process.env.NO_COLOR;
    await print(1, options.json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report, isColoured));
    return report.verdict === 'good' ? EXIT.ok : EXIT.unexpected;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await printProgress('interrupted; stopping all dynos');
    return 128 + constants.signals[context.interrupted.reason as NodeJS.Signals];
  }
}

async function runAll(
  running: RunningSimulation,
  { scenarios }: DevOptions,
  context: Context,
): Promise<readonly ScenarioResult[]> {
  const names = SCENARIOS.filter((name) => scenarios?.includes(name) ?? true);
  const recorder = new Recorder(running);
  await printProgress('release ...');
  const interruption = whenAborted(context.interrupted).then(() => Promise.reject(new Interrupted('interrupted')));
  const outcome = await Promise.race([running.released, interruption]);
  recorder.close();
  if (outcome === 'succeeded') return run(context, names, (scenario) => void printProgress(`${scenario} ...`));
  const figures = { scenario: names[0] ?? 'boot', failed: 'the first release failed, so no dyno was started' };
  return [{ figures, tookMs: 0, log: lastLines(recorder.lines) }];
}

function printProgress(text: string): Promise<void> {
  return print(2, `rehearsal: ${text}\n`);
}

type Scenario = (context: Context, baseline: Baseline) => Promise<Figures>;

const SCENARIO_FUNCTIONS = { load, deploy, crash, flood, stop, release } satisfies Record<string, Scenario>;

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
    const runScenario = async (): Promise<Figures> => {
      if (late.length > 0) throw new ScenarioFailed(`${late.map((dyno) => dyno.name).join(', ')} did not boot`);
      return SCENARIO_FUNCTIONS[name](context, baseline);
    };
    results.push(await runOne(context, name, runScenario));
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
function lastLines(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.filter(({ from, text }) => from !== 'router' || !SUCCESSFUL_REQUEST.test(text)).slice(-MAX_LOG_LINES);
}
