import type { ChildName, Recycle } from '../plan/spec.ts';
import { largest, level, megabytes } from './amounts.ts';
import { endBiggest, isHelperEnding } from './end-transient.ts';
import { idOf } from './transients.ts';
import type { Case, Choice, Memory } from './memory.ts';
import { biggest } from './view.ts';

/** A restart that gives back less is not worth it; part of the quota. */
const WORTH_A_RESTART = 1 / 10;
const RECYCLE_TAKES_MS = 180_000;
const WORKER_TAKES_MS = 60_000;

type Choose = (memory: Memory, about: Case) => Choice | null;

/** Above `relieve`: a big helper; else, in a dyno that is known to fit its quota, a graceful restart. That needs a baseline:
 * without it nothing tells what a restart would give back. */
export const relieve: Choose = (memory, about) => {
  if (isHelperEnding(memory, about.view, ['TERM', 'KILL'])) return null;
  return endBiggest(memory, about) ?? (memory.fit.state === 'fits' ? restartGracefully(memory, about) : null);
};

/** The sidekiq that gained most; else the worker of puma that did; else a puma behind the router, whose requests are held
 * meanwhile; else only words. */
const restartGracefully: Choose = (memory, about) => {
  const { view } = about;
  if (view.atMs < memory.nextReliefAtMs) return null;
  const { quiet, routed } = allGrown(memory, about);
  return (
    recycle(quiet, about) ?? endWorker(memory, about) ?? recycle(routed, about) ?? sayThatNothingHelps(memory, about)
  );
};

/** A child that is up, what it holds, and how much more that is than its baseline. */
export type Grown = { name: ChildName; held: number; gain: number };

/** The children that are up and would give back something by a restart: those that can be quieted, which are the sidekiqs, and
 * those behind the router, where clients wait meanwhile. */
export function allGrown(memory: Memory, about: Case): { quiet: Grown[]; routed: Grown[] } {
  const { view, up, specs, limits } = about;
  const grown = (which: (how: Recycle) => boolean): Grown[] =>
    specs
      .filter(({ name, memory: { recycle } }) => recycle !== null && which(recycle) && up.has(name))
      .map(({ name }) => {
        const held = view.children.get(name) ?? 0;
        return { name, held, gain: held - (memory.rest.get(name) ?? held) };
      })
      .filter(({ gain }) => gain >= WORTH_A_RESTART * limits.bytes);
  return { quiet: grown(({ quiet }) => quiet !== null), routed: grown(({ quiet }) => quiet === null) };
}

/** The child that gained most. */
function recycle(grown: readonly Grown[], { view, limits }: Case): Choice | null {
  const gainer = largest(grown, ({ gain }) => gain);
  if (!gainer) return null;
  const more = `${gainer.name} holds ${megabytes(gainer.held)}, ${megabytes(gainer.gain)} more than at rest`;
  const why = `${level(view.totalBytes, limits.bytes)}, and ${more}`;
  const changes = { nextReliefAtMs: view.atMs + RECYCLE_TAKES_MS };
  return { verdict: { type: 'recycle', child: gainer.name, why }, changes };
}

/** The worker that holds most beyond its least. */
function endWorker({ workers }: Memory, { view, limits }: Case): Choice | null {
  const { processes, totalBytes, atMs } = view;
  const isGrown = (bytes: number, least: number): boolean => bytes - least >= WORTH_A_RESTART * limits.bytes;
  const grown = processes.filter((one) => isGrown(one.bytes, workers.get(idOf(one)) ?? one.bytes));
  const one = largest(grown, (use) => use.bytes);
  if (!one) return null;
  const { pid, started, child } = one;
  const held = `a worker of ${child} holds ${megabytes(one.bytes)}; its master boots another`;
  const why = `${level(totalBytes, limits.bytes)}, and ${held}`;
  const name = `${child} worker`;
  const verdict = { type: 'end-process', id: { pid, started }, name, killAfterMs: null, why } as const;
  return { verdict, changes: { nextReliefAtMs: atMs + WORKER_TAKES_MS } };
}

function sayThatNothingHelps(memory: Memory, { view, limits }: Case): Choice | null {
  if (memory.despaired) return null;
  const now = level(view.totalBytes, limits.bytes);
  const text = `${now}, and nobody can be spared: the biggest is ${biggest(view)}. Fewer threads or a larger dyno would help`;
  return { verdict: { type: 'say', level: 'warn', text }, changes: { despaired: true } };
}
