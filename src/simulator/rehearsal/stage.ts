import type { Clock } from '../../host.ts';
import type { Rules } from '../rules.ts';
import type { Simulation } from '../simulation.ts';
import type { Requests } from './figures.ts';
import { duration } from './in-words.ts';

/** What a scene is played on. */
export type Stage = {
  simulation: Simulation;
  /** The platform's, scaled. */
  rules: Rules;
  clock: Clock;
  /** Somebody wants the rehearsal to end. */
  interrupted: AbortSignal;
  /** Requests through the edge until it is stopped; `path` null: what every app of this kind answers. */
  startLoad: (path: string | null) => Load;
  /** What the load of the scenes asks for. */
  path: string | null;
  /** Jobs so far: of all lives of all dynos. */
  jobs: () => JobCounts;
  /** The next releases fail, or no longer; false where nobody can be told to. */
  failReleases: (isFailing: boolean) => boolean;
  /** What the smallest plan of the database allows. */
  connectionsLimit: number;
};

export type Load = {
  /** Answered so far, well or not. */
  answered: () => number;
  /** Waits for the answers that are still to come; may be asked twice. */
  stop: () => Promise<Requests>;
  /** Waits for nothing any more: those that are open have failed. */
  drop: () => void;
};

/** inHand: begun, of processes that live. */
export type JobCounts = { done: number; lost: number; inHand: number };

/** The scene cannot go on; the message says why. */
export class SceneStuck extends Error {
  readonly code = 'SCENE_STUCK';
}

/** The person who runs the rehearsal has ended it. */
export class Interrupted extends Error {
  readonly code = 'INTERRUPTED';
}

/** Beyond a limit of the platform, for a machine that is slow itself. */
export const SLACK_MS = 10_000;
const POLL_MS = 25;

/** Resolves with what `look` gives once that is not null. `what` says what is waited for.
 * @throws SceneStuck after this time, Interrupted */
export async function until<T>(stage: Stage, what: string, atMostMs: number, look: () => T | null): Promise<T> {
  const found = await untilOver(stage, atMostMs, look);
  if (found === null) throw new SceneStuck(`${what}: not within ${duration(atMostMs)}`);
  return found;
}

/** The same, with null when the time is over. */
export async function untilOver<T>(stage: Stage, atMostMs: number, look: () => T | null): Promise<T | null> {
  const end = stage.clock.now() + atMostMs;
  for (;;) {
    if (stage.interrupted.aborted) throw new Interrupted('interrupted');
    const found = look();
    if (found !== null || stage.clock.now() >= end) return found;
    await new Promise<void>((resolve) => void stage.clock.after(POLL_MS, resolve));
  }
}
