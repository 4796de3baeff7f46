import type { JobsOfScene, Requests } from './figures.ts';
import type { JobCounts, Load, Stage } from './stage.ts';
import { Witness } from './witness.ts';

export type Played<T> = { played: T; witness: Witness; requests: Requests; jobs: JobsOfScene };

/** Plays something while requests come in, and counts what became of them and of the jobs meanwhile. */
export async function underLoad<T>(
  stage: Stage,
  path: string | null,
  play: (witness: Witness, load: Load) => Promise<T>,
): Promise<Played<T>> {
  const witness = new Witness(stage.simulation);
  const before = stage.jobs();
  const load = stage.startLoad(path);
  try {
    const played = await play(witness, load);
    return { played, witness, requests: await load.stop(), jobs: jobsSince(before, stage.jobs()) };
  } finally {
    await load.stop();
    witness.close();
  }
}

export function jobsSince(before: JobCounts, after: JobCounts): JobsOfScene {
  return { done: after.done - before.done, lost: after.lost - before.lost };
}
