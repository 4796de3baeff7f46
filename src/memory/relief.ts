import type { ChildName, Recycle } from '../plan/spec.ts';
import { level, megabytes, percent } from './amounts.ts';
import { idOf } from './transients.ts';
import type { Case, Limits, Memory, Verdict } from './memory.ts';
import { biggest, type Helper, type View } from './view.ts';

/** ending: the helper it is about. waitMs: no other relief for so long; null: the next reading may bring one. */
export type Choice = { verdict: Verdict; ending: { id: string; by: 'TERM' | 'KILL' } | null; waitMs: number | null };

const HELPER_KILL_AFTER_MS = 2000;
const KILL_TAKES_MS = 3000;
/** What fills a dyno, and a helper that has part in it; parts of the quota. */
const MANY_HELPERS = 1 / 4;
const HELPER_THAT_COUNTS = 1 / 16;
/** A restart that gives back less is not worth it; part of the quota. */
const WORTH_A_RESTART = 1 / 10;
const RECYCLE_TAKES_MS = 180_000;
const WORKER_TAKES_MS = 60_000;

type Choose = (memory: Memory, about: Case) => Choice | null;

/** Above `relieve`: a big helper; else the sidekiq that gained most; else the worker of puma that did; else a puma behind the
 * router, whose requests are held meanwhile; else only words. */
export const relieve: Choose = (memory, about) => {
  const { view, limits } = about;
  const now = level(view.totalBytes, limits.bytes);
  if (view.helpers.some((helper) => isAwaited(helper, memory, view.atMs))) return null;
  const helper = bigHelper(memory, view, limits);
  if (helper) return endHelper(helper, `${now}, and ${said(helper)} holds ${megabytes(helper.use.bytes)}`, 'TERM');
  if (view.atMs < memory.nextReliefAtMs) return null;
  const { quiet, routed } = allGrown(memory, about);
  return (
    recycle(quiet, now) ?? worker(memory, view, now, limits) ?? recycle(routed, now) ?? despair(memory, view, limits)
  );
};

/** The helper that grows fastest, else the biggest: KILL at once. */
export const killGrowing: Choose = (memory, { view, limits }) => {
  const counting = countingHelpers(view, limits).filter(({ use }) => memory.ending.get(idOf(use))?.by !== 'KILL');
  const helper = most(counting, ({ growth, use }) => (growth > 0 ? 1e15 + growth : use.bytes));
  if (!helper) return null;
  const grows = helper.growth > 0 ? ` and grows by ${megabytes(helper.growth)} a second` : '';
  const why = `${danger(view, limits)}, and ${said(helper)} holds ${megabytes(helper.use.bytes)}${grows}`;
  return endHelper(helper, why, 'KILL');
};

/** Above `save`: such a helper; else the sidekiq that holds most; else the puma behind the router; else the whole dyno. */
export const savings: Choose = (memory, about) => {
  const { view, limits } = about;
  const killed = view.helpers.filter(({ use }) => memory.ending.get(idOf(use))?.by === 'KILL');
  if (killed.some((helper) => isAwaited(helper, memory, view.atMs))) return null;
  const helper = killGrowing(memory, about);
  if (helper) return helper;
  const { save, kill } = limits.thresholds;
  const atOnce = view.totalBytes >= (save + kill) / 2;
  const { quiet, routed } = allGrown(memory, about);
  const one = most(quiet, ({ held }) => held) ?? most(routed, ({ held }) => held);
  const more = one ? `, and ${one.name} holds ${megabytes(one.held)}` : '';
  const why = `${danger(view, limits)}${more}`;
  return { verdict: { type: 'save', child: one?.name ?? null, why, atOnce }, ending: null, waitMs: null };
};

/** The biggest, when helpers hold more than a quarter of the quota, alone or together. */
function bigHelper(memory: Memory, view: View, limits: Limits): Helper | null {
  const counting = countingHelpers(view, limits).filter(({ use }) => !memory.ending.has(idOf(use)));
  const held = counting.reduce((sum, { use }) => sum + use.bytes, 0);
  return held > MANY_HELPERS * limits.bytes ? most(counting, ({ use }) => use.bytes) : null;
}

function countingHelpers({ helpers }: View, { bytes }: Limits): Helper[] {
  return helpers.filter(({ use }) => use.bytes > HELPER_THAT_COUNTS * bytes);
}

/** It was told to end, and is given the time for it; one that even a KILL does not end (it hangs in a disk) is not waited
 * for. */
function isAwaited({ use }: Helper, memory: Memory, atMs: number): boolean {
  const ending = memory.ending.get(idOf(use));
  return ending !== undefined && atMs - ending.atMs < (ending.by === 'TERM' ? HELPER_KILL_AFTER_MS : 0) + KILL_TAKES_MS;
}

function danger({ totalBytes }: View, { bytes, thresholds }: Limits): string {
  return `${level(totalBytes, bytes)}, the platform kills at ${percent(thresholds.kill, bytes)} %`;
}

function endHelper({ use }: Helper, why: string, how: 'TERM' | 'KILL'): Choice {
  const { pid, started, name } = use;
  const killAfterMs = how === 'KILL' ? 0 : HELPER_KILL_AFTER_MS;
  return {
    verdict: { type: 'end-process', id: { pid, started }, name, killAfterMs, why },
    ending: { id: idOf(use), by: how },
    waitMs: null,
  };
}

type Grown = { name: ChildName; held: number; gain: number };

/** Who is up and would give back something by a restart: the sidekiqs; and who is behind the router, where clients wait
 * meanwhile. */
function allGrown(memory: Memory, about: Case): { quiet: Grown[]; routed: Grown[] } {
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

/** The one that gained most. */
function recycle(grown: readonly Grown[], now: string): Choice | null {
  const gainer = most(grown, ({ gain }) => gain);
  if (!gainer) return null;
  const why = `${now}, and ${gainer.name} holds ${megabytes(gainer.held)}, ${megabytes(gainer.gain)} more than at rest`;
  return { verdict: { type: 'recycle', child: gainer.name, why }, ending: null, waitMs: RECYCLE_TAKES_MS };
}

/** The worker that holds most beyond its least. */
function worker({ workers }: Memory, { processes }: View, now: string, { bytes }: Limits): Choice | null {
  const grown = processes.filter((one) => one.bytes - (workers.get(idOf(one)) ?? one.bytes) >= WORTH_A_RESTART * bytes);
  const one = most(grown, (use) => use.bytes);
  if (!one) return null;
  const { pid, started, child } = one;
  const why = `${now}, and a worker of ${child} holds ${megabytes(one.bytes)}; its master boots another`;
  const name = `${child} worker`;
  const verdict = { type: 'end-process', id: { pid, started }, name, killAfterMs: null, why } as const;
  return { verdict, ending: null, waitMs: WORKER_TAKES_MS };
}

function despair(memory: Memory, view: View, { bytes }: Limits): Choice | null {
  if (memory.despaired) return null;
  const text = `${level(view.totalBytes, bytes)}, and nobody can be spared: the biggest is ${biggest(view)}. Fewer threads or a larger dyno would help`;
  return { verdict: { type: 'say', level: 'warn', text }, ending: null, waitMs: null };
}

function said({ use }: Helper): string {
  return `${use.name} in the tree of ${use.child}`;
}

function most<T>(all: readonly T[], of: (one: T) => number): T | null {
  return all.reduce<T | null>((best, one) => (best === null || of(one) > of(best) ? one : best), null);
}
