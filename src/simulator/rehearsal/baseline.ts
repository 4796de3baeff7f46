import type { DynoView, ProcessView, RunView } from '../simulation.ts';
import { ScenarioFailed, SLACK_MS, type Context, waitFor } from './context.ts';

/** Labels of each dyno's main processes at rest: its first process and its servers. */
export type Baseline = ReadonlyMap<string, readonly string[]>;

const SERVERS = ['puma', 'sidekiq', 'streaming'];

/** Brings every dyno to the baseline: up, with one run that has all its baseline processes. Restarts dynos that
 * differ. */
export async function restoreBaseline(context: Context, baseline: Baseline): Promise<void> {
  const { simulation } = context;
  if (simulation.view().logReader !== 'full') await simulation.act({ type: 'log-reader', pace: 'full' });
  for (const dyno of simulation.view().dynos) {
    if (!isAtBaseline(dyno, baseline)) await simulation.act({ type: 'restart', dyno: dyno.name });
  }
  await waitForBaseline(context, baseline);
}

/** Waits for the baseline without changing anything. */
export async function waitForBaseline(context: Context, baseline: Baseline): Promise<void> {
  const { bootMs, stopMs } = context.rules;
  const isThere = (): boolean => context.simulation.view().dynos.every((dyno) => isAtBaseline(dyno, baseline));
  await waitFor(context, 'all dynos up and at work', bootMs + stopMs + SLACK_MS, () => isThere() || null);
}

function isAtBaseline(dyno: DynoView, baseline: Baseline): boolean {
  return dyno.crashes === 0 && dyno.runs.length === 1 && dyno.state === 'up' && isComplete(dyno, baseline);
}

/** The serving run has all its baseline processes, ready for work. Streaming on demand may run in addition. */
export function isComplete(dyno: DynoView, baseline: Baseline): boolean {
  const run = currentRun(dyno);
  return run !== undefined && isReady(run) && missingLabels(run, baseline.get(dyno.name) ?? []).length === 0;
}

/** @throws ScenarioFailed */
export function findDyno({ simulation }: Context, name: string): DynoView {
  const found = simulation.view().dynos.find((dyno) => dyno.name === name);
  if (found === undefined) throw new ScenarioFailed(`no dyno ${name} any more`);
  return found;
}

export function currentRun({ runs }: DynoView): RunView | undefined {
  return runs.find(({ phase }) => phase !== 'stopping');
}

/** Up, and all servers show the process title that they have at work. */
export function isReady({ phase, processes }: RunView): boolean {
  return phase === 'up' && processes.length > 0 && processes.every(isWorking);
}

function isWorking({ label, title }: ProcessView): boolean {
  // The busy count at the end of the title may be cut: a title has no more room than the command line had.
  if (label === 'sidekiq') return /^sidekiq \d/.test(title);
  return label !== 'puma' || /^puma:? \d.*\(/.test(title);
}

/** The first process and the servers of a run: the processes that the crash scenario kills. */
export function mainProcesses({ processes }: RunView): ProcessView[] {
  return processes.filter(({ depth, label }) => depth === 0 || SERVERS.includes(label));
}

function missingLabels(run: RunView, labels: readonly string[]): string[] {
  const current = mainProcesses(run).map(({ label }) => label);
  return labels.filter((label) => {
    const at = current.indexOf(label);
    if (at >= 0) current.splice(at, 1);
    return at < 0;
  });
}
