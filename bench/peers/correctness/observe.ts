// Observes what happens to a peer and its children after an action. The verdicts rest on these observations.
import { setTimeout as pause } from 'node:timers/promises';
import { statFields } from '../../dyno/processes.ts';
import type { Peer } from '../peers.ts';
import { now, PeerRun } from '../run.ts';
import type { ChildEvent, RunEnd, RunOptions } from '../run.ts';

/** Milliseconds after the action: the child received a signal, finished by itself, was gone. null: this did not happen. */
export type ChildObservation = { termMs: number | null; endedMs: number | null; goneMs: number | null };
/** `end`: of the main process, null if it did not come in time; `tookMs`: until then; `left`: processes that outlived it. */
export type Observation = {
  isUp: boolean;
  end: RunEnd | null;
  tookMs: number;
  left: number;
  children: ChildObservation[];
};
/**
 * `act` runs once the children are up, `readyCount` events of type `ready` are recorded, and `before` has run. `timeoutMs`: for the
 * end after that.
 */
export type ObserveOptions = RunOptions & {
  act: (run: PeerRun) => unknown;
  before?: (run: PeerRun) => Promise<void>;
  ready?: string;
  readyCount?: number;
  timeoutMs?: number;
};

const CHILDREN = 3;
const UP_WITHIN_MS = 20_000;
const POLL_MS = 20;
/** A platform kills what outlives the main process. This only allows for processes that are about to be reaped. */
const GRACE_MS = 200;

export async function observe(peer: Peer, options: ObserveOptions): Promise<Observation> {
  const { act, before, ready = 'up', readyCount = CHILDREN, timeoutMs = 15_000, ...runOptions } = options;
  const run = new PeerRun(peer, { count: CHILDREN, ...runOptions });
  try {
    const up = await run.untilEvents('up', CHILDREN, UP_WITHIN_MS);
    const isReady = (await run.untilEvents(ready, readyCount, UP_WITHIN_MS)).length >= readyCount;
    if (up.length < CHILDREN || !isReady) return { isUp: false, end: null, tookMs: NaN, left: 0, children: [] };
    await before?.(run);
    const actedMs = now();
    const [{ goneAtMs, left }, end] = await Promise.all([
      watch(run, up, actedMs + timeoutMs),
      run.endWithin(timeoutMs),
      act(run),
    ]);
    const tookMs = end === null ? NaN : end.atMs - actedMs;
    return { isUp: true, end, tookMs, left, children: childrenOf(run, goneAtMs, actedMs) };
  } finally {
    run.discard();
  }
}

/** Watches until a moment after the end of the main process, or until the deadline. */
async function watch(
  run: PeerRun,
  up: readonly ChildEvent[],
  deadlineMs: number,
): Promise<{ goneAtMs: Map<number, number | null>; left: number }> {
  const goneAtMs = new Map<number, number | null>(up.map(({ pid }) => [pid, null]));
  let endMs = Infinity;
  void run.ended.then(({ atMs }) => (endMs = atMs));
  while (now() < Math.min(deadlineMs, endMs + GRACE_MS)) {
    for (const [pid, atMs] of goneAtMs) if (atMs === null && !isAlive(pid)) goneAtMs.set(pid, now());
    await pause(POLL_MS);
  }
  return { goneAtMs, left: run.processes.find().length };
}

function childrenOf(run: PeerRun, goneAtMs: Map<number, number | null>, actedMs: number): ChildObservation[] {
  // A child that is still starting may get two signals: the first one counts.
  const firstTimes = (type: string) =>
    new Map(
      run
        .events(type)
        .map(({ pid, atMs }) => [pid, atMs] as const)
        .reverse(),
    );
  const [terms, ends] = [firstTimes('term'), firstTimes('end')];
  const after = (atMs: number | null = null) => (atMs === null ? null : atMs - actedMs);
  return [...goneAtMs].map(([pid, atMs]) => ({
    termMs: after(terms.get(pid)),
    endedMs: after(ends.get(pid)),
    goneMs: after(atMs),
  }));
}

function isAlive(pid: number): boolean {
  const [state] = statFields(pid);
  return state !== undefined && state !== 'Z';
}
