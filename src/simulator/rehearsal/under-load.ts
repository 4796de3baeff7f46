import type { JobsOfScene, Requests } from './figures.ts';
import type { JobCounts, Load, Stage } from './stage.ts';
import { Witness } from './witness.ts';

export type Played<T> = { played: T; witness: Witness; requests: Requests; jobs: JobsOfScene };

/** Where no dyno answers requests. */
const NO_LOAD: Load = {
  answered: () => 0,
  stop: () => Promise.resolve({ sent: 0, failed: 0, failures: [], p50Ms: null, p99Ms: null }),
  drop: () => {},
};

/** Plays something while requests come in, and counts what became of them and of the jobs meanwhile. */
export async function underLoad<T>(
  stage: Stage,
  path: string | null,
  play: (witness: Witness, load: Load) => Promise<T>,
): Promise<Played<T>> {
  const witness = new Witness(stage.simulation);
  const before = stage.jobs();
  const hasWeb = stage.simulation.view().dynos.some(({ name }) => name.startsWith('web.'));
  const load = hasWeb ? stage.startLoad(path) : NO_LOAD;
  const drop = (): void => load.drop();
  stage.interrupted.addEventListener('abort', drop, { once: true });
  try {
    const played = await play(witness, load);
    return { played, witness, requests: await load.stop(), jobs: jobsSince(before, stage.jobs()) };
  } finally {
    stage.interrupted.removeEventListener('abort', drop);
    drop();
    witness.close();
  }
}

export function jobsSince(before: JobCounts, after: JobCounts): JobsOfScene {
  return { done: after.done - before.done, lost: after.lost - before.lost };
}
