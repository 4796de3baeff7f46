import { type Baseline, isComplete, restoreBaseline, waitForBaseline } from '../baseline.ts';
import { findDatabase, candidatePids, readConnections, type Address } from '../connections.ts';
import { SLACK_MS, type Context, waitFor, poll } from '../context.ts';
import type { ConnectionCount, DeployFigures, SkippedFigures, ReleaseFigures } from '../figures.ts';
import { recordUnderLoad } from '../recorder.ts';

/** A release with migrations may take this many boot timeouts. */
const RELEASE_BOOTS = 5;
const CONNECTIONS_EVERY_MS = 100;

/** A release and new instances of all dynos, under load. */
export async function deploy(context: Context, baseline: Baseline): Promise<DeployFigures> {
  const { simulation, rules } = context;
  await restoreBaseline(context, baseline);
  const connections = await watchConnections(context);
  const { recorder, requests, jobs } = await recordUnderLoad(context, context.path, () =>
    deployAndWait(context, baseline),
  ).finally(connections.close);
  const { dynos, release } = simulation.view();
  return {
    scenario: 'deploy',
    release: release.state,
    requests,
    jobs,
    overlaps: dynos.map(({ name }) => ({ dyno: name, overlapMs: recorder.overlapOf(name) })),
    stopLimitMs: rules.stopMs,
    exitTimeouts: recorder.count('R12'),
    connections: connections.peak(),
    connectionsLimit: context.connectionsLimit,
  };
}

/** Resolves when the new instances are at work and the old ones have gone. Resolves at once if the release fails. */
async function deployAndWait(context: Context, baseline: Baseline): Promise<void> {
  const { simulation, rules } = context;
  const before = new Map(simulation.view().dynos.map(({ name, runs }) => [name, runs[0]?.id]));
  const answers: boolean[] = [];
  void simulation.act({ type: 'deploy' }).then(({ ok }) => answers.push(ok));
  await waitFor(context, 'the release', RELEASE_BOOTS * rules.bootMs + SLACK_MS, () => answers.length > 0 || null);
  if (answers[0] !== true) return;
  const isNew = (): boolean =>
    simulation.view().dynos.every((dyno) => dyno.runs[0]?.id !== before.get(dyno.name) && isComplete(dyno, baseline));
  await waitFor(context, 'the new dynos', rules.bootMs + SLACK_MS, () => isNew() || null);
  await waitForBaseline(context, baseline);
}

type ConnectionWatch = { peak: () => ConnectionCount; close: () => void };

/** Measures the peak until closed. */
async function watchConnections({ simulation, clock }: Context): Promise<ConnectionWatch> {
  const pids = (): number[] => candidatePids(simulation.view());
  const address: Address | string = await findDatabase(pids());
  let peak = readConnections(pids(), address);
  let cancel = (): void => {};
  const measure = (): void => {
    const now = readConnections(pids(), address);
    if (now.kind === 'seen' && peak.kind === 'seen' && now.peak > peak.peak) peak = now;
    cancel = clock.after(CONNECTIONS_EVERY_MS, measure);
  };
  if (peak.kind === 'seen') measure();
  return { peak: () => peak, close: () => cancel() };
}

/** Long enough for a dyno that wrongly starts. */
const WATCH_MS = 1000;

/** A release that fails: no dyno may start or end. */
export async function release(context: Context, baseline: Baseline): Promise<ReleaseFigures | SkippedFigures> {
  const { simulation, rules } = context;
  await restoreBaseline(context, baseline);
  if (!context.failReleases(true))
    return { scenario: 'release', skipped: 'only a release of the stand-ins can be made to fail; use --stand-ins' };
  const before = servingRuns(context);
  try {
    const answers: string[] = [];
    void simulation.act({ type: 'deploy' }).then(({ text }) => answers.push(text));
    await waitFor(context, 'the release', RELEASE_BOOTS * rules.bootMs + SLACK_MS, () => answers[0] ?? null);
    const booted = new Set<string>();
    const ended = new Set<string>();
    await poll(context, WATCH_MS, () => {
      const now = servingRuns(context);
      for (const run of now) if (!before.has(run)) booted.add(run);
      for (const run of before) if (!now.has(run)) ended.add(run);
      return null;
    });
    return { scenario: 'release', state: simulation.view().release.state, booted: [...booted], ended: [...ended] };
  } finally {
    context.failReleases(false);
  }
}

/** `web.1, life 3` for each serving run. */
function servingRuns({ simulation }: Context): Set<string> {
  const all = simulation
    .view()
    .dynos.flatMap(({ name, runs }) =>
      runs.filter(({ phase }) => phase !== 'stopping').map(({ id }) => `${name}, life ${id}`),
    );
  return new Set(all);
}
