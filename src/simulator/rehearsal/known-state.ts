import type { DynoView, ProcessView, RunView } from '../view.ts';
import { SceneStuck, SLACK_MS, until, type Stage } from './stage.ts';

/** Labels of what works in each dyno at rest, the first process included. */
export type Cast = ReadonlyMap<string, readonly string[]>;

const SERVERS = ['puma', 'sidekiq', 'streaming'];

/** Every dyno up, with one life, that is at work with all that it had at rest: what is not so is restarted. */
export async function toKnownState(stage: Stage, cast: Cast): Promise<void> {
  const { simulation } = stage;
  if (simulation.view().logReader !== 'full') await simulation.act({ do: 'log-reader', pace: 'full' });
  for (const dyno of simulation.view().dynos) {
    if (!isAsAtRest(dyno, cast)) await simulation.act({ do: 'restart', dyno: dyno.name });
  }
  await untilAsAtRest(stage, cast);
}

/** Waits for that without doing anything for it. */
export async function untilAsAtRest(stage: Stage, cast: Cast): Promise<void> {
  const { bootMs, stopMs } = stage.rules;
  const isThere = (): true | null =>
    stage.simulation.view().dynos.every((dyno) => isAsAtRest(dyno, cast)) ? true : null;
  await until(stage, 'all dynos up and at work', bootMs + stopMs + SLACK_MS, isThere);
}

function isAsAtRest(dyno: DynoView, cast: Cast): boolean {
  return dyno.crashes === 0 && dyno.runs.length === 1 && dyno.state === 'up' && isComplete(dyno, cast);
}

/** The life that serves has all that it had at rest, ready for work. Streaming on demand may be there as well. */
export function isComplete(dyno: DynoView, cast: Cast): boolean {
  const run = current(dyno);
  return run !== undefined && isReady(run) && missing(run, cast.get(dyno.name) ?? []).length === 0;
}

/** @throws SceneStuck */
export function dynoNamed({ simulation }: Stage, name: string): DynoView {
  const found = simulation.view().dynos.find((dyno) => dyno.name === name);
  if (found === undefined) throw new SceneStuck(`no dyno ${name} any more`);
  return found;
}

export function current({ runs }: DynoView): RunView | undefined {
  return runs.find(({ phase }) => phase !== 'stopping');
}

/** Up, and each of its servers has given itself the title that it has at work. */
export function isReady({ phase, processes }: RunView): boolean {
  return phase === 'up' && processes.length > 0 && processes.every(isAtWork);
}

function isAtWork({ label, title }: ProcessView): boolean {
  // Its busy count ends the title, where that has room: no more than the command line had.
  if (label === 'sidekiq') return /^sidekiq \d/.test(title);
  return label !== 'puma' || /^puma:? \d.*\(/.test(title);
}

/** The servers of a life and its first process: those whose end is a scene. */
export function principals({ processes }: RunView): ProcessView[] {
  return processes.filter(({ depth, label }) => depth === 0 || SERVERS.includes(label));
}

function missing(run: RunView, labels: readonly string[]): string[] {
  const there = principals(run).map(({ label }) => label);
  return labels.filter((label) => {
    const at = there.indexOf(label);
    if (at >= 0) there.splice(at, 1);
    return at < 0;
  });
}
