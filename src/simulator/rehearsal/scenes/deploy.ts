import { findDatabase, holders, look, type Place } from '../connections.ts';
import type { Connections, DeployFigures } from '../figures.ts';
import { isComplete, toKnownState, untilAsAtRest, type Cast } from '../known-state.ts';
import { SLACK_MS, until, type Stage } from '../stage.ts';
import { underLoad } from '../under-load.ts';

/** A release with migrations gets so many boot times. */
const RELEASE_BOOTS = 5;
const CONNECTIONS_EVERY_MS = 100;

/** A release and new lives of all dynos, under load. */
export async function deploy(stage: Stage, cast: Cast): Promise<DeployFigures> {
  const { simulation, rules } = stage;
  await toKnownState(stage, cast);
  const connections = await watchConnections(stage);
  const { witness, requests, jobs } = await underLoad(stage, stage.path, () => deployed(stage, cast)).finally(
    connections.close,
  );
  const { dynos, release } = simulation.view();
  return {
    scene: 'deploy',
    release: release.state,
    requests,
    jobs,
    overlaps: dynos.map(({ name }) => ({ dyno: name, overlapMs: witness.overlapOf(name) })),
    stopLimitMs: rules.stopMs,
    exitTimeouts: witness.count('R12'),
    connections: connections.peak(),
    connectionsLimit: stage.connectionsLimit,
  };
}

/** Resolves when the new lives do all the work and the old ones have gone; at once when the release has failed. */
async function deployed(stage: Stage, cast: Cast): Promise<void> {
  const { simulation, rules } = stage;
  const before = new Map(simulation.view().dynos.map(({ name, runs }) => [name, runs[0]?.id]));
  const answers: boolean[] = [];
  void simulation.act({ do: 'deploy' }).then(({ ok }) => answers.push(ok));
  await until(stage, 'the release', RELEASE_BOOTS * rules.bootMs + SLACK_MS, () => answers.length > 0 || null);
  if (answers[0] !== true) return;
  const isNew = (): boolean =>
    simulation.view().dynos.every((dyno) => dyno.runs[0]?.id !== before.get(dyno.name) && isComplete(dyno, cast));
  await until(stage, 'the new dynos', rules.bootMs + SLACK_MS, () => isNew() || null);
  await untilAsAtRest(stage, cast);
}

type Watched = { peak: () => Connections; close: () => void };

/** Counts again and again until it is closed. */
async function watchConnections({ simulation, clock }: Stage): Promise<Watched> {
  const pids = (): number[] => holders(simulation.view());
  const place: Place | string = await findDatabase(pids());
  let peak = look(pids(), place);
  let cancel = (): void => {};
  const again = (): void => {
    const now = look(pids(), place);
    if (now.kind === 'seen' && peak.kind === 'seen' && now.peak > peak.peak) peak = now;
    cancel = clock.after(CONNECTIONS_EVERY_MS, again);
  };
  if (peak.kind === 'seen') again();
  return { peak: () => peak, close: () => cancel() };
}
