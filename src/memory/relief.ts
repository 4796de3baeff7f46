import type { ChildName, ChildSpec } from '../plan/spec.ts';
import { level, megabytes, percent } from './amounts.ts';
import { idOf, workersOf } from './transients.ts';
import type { Limits, Memory, Verdict } from './memory.ts';
import type { Helper, View } from './view.ts';

/** ending: the helper it is about. waitMs: no other relief for so long; null: the next reading may bring one. */
export type Choice = { verdict: Verdict; ending: readonly [string, 'TERM' | 'KILL'] | null; waitMs: number | null };

const HELPER_KILL_AFTER_MS = 2000;
/** A helper of less is not what fills a dyno; parts of the quota. */
const BIG_HELPER = 1 / 4;
const HELPER_THAT_COUNTS = 1 / 16;
/** A restart that gives back less is not worth it; part of the quota. */
const WORTH_A_RESTART = 1 / 10;
const RECYCLE_TAKES_MS = 180_000;
const WORKER_TAKES_MS = 60_000;

type Choose = (
  memory: Memory,
  view: View,
  up: ReadonlySet<ChildName>,
  specs: readonly ChildSpec[],
  limits: Limits,
) => Choice | null;

/** Above `relieve`: a big helper; else the sidekiq that gained most; else a worker of puma; else only words. */
export const relieve: Choose = (memory, view, up, specs, limits) => {
  const now = level(view.totalBytes, limits.bytes);
  const big = view.helpers.filter(({ use }) => use.bytes > BIG_HELPER * limits.bytes);
  if (big.some(({ use }) => memory.ending.has(idOf(use)))) return null; // its KILL follows
  const helper = most(big, ({ use }) => use.bytes);
  if (helper) return endHelper(helper, `${now}, and ${said(helper)} holds ${megabytes(helper.use.bytes)}`, 'TERM');
  if (view.atMs < memory.nextReliefAtMs) return null;
  const gainer = grown(memory, view, up, specs, limits);
  if (gainer) {
    const why = `${now}, and ${gainer.name} holds ${megabytes(gainer.held)}, ${megabytes(gainer.gain)} more than at rest`;
    return { verdict: { type: 'recycle', child: gainer.name, why }, ending: null, waitMs: RECYCLE_TAKES_MS };
  }
  return worker(view, up, specs, now) ?? despair(memory, view, limits);
};

/** The helper that grows fastest, else the biggest: KILL at once. */
export const killGrowing: Choose = (memory, view, _, __, limits) => {
  const { bytes } = limits;
  const counting = view.helpers.filter(
    ({ use }) => use.bytes > HELPER_THAT_COUNTS * bytes && memory.ending.get(idOf(use)) !== 'KILL',
  );
  const helper = most(counting, ({ growth, use }) => (growth > 0 ? 1e15 + growth : use.bytes));
  if (!helper) return null;
  const grows = helper.growth > 0 ? ` and grows by ${megabytes(helper.growth)} a second` : '';
  const why = `${danger(view, limits)}, and ${said(helper)} holds ${megabytes(helper.use.bytes)}${grows}`;
  return endHelper(helper, why, 'KILL');
};

/** Above `save`: such a helper; else the sidekiq that holds most; else the whole dyno. */
export const savings: Choose = (memory, view, up, specs, limits) => {
  if (view.helpers.some(({ use }) => memory.ending.get(idOf(use)) === 'KILL')) return null; // gone in a moment
  const helper = killGrowing(memory, view, up, specs, limits);
  if (helper) return helper;
  const { save, kill } = limits.thresholds;
  const atOnce = view.totalBytes >= (save + kill) / 2;
  const sidekiq = most(allGrown(memory, view, up, specs, limits), ({ held }) => held);
  const more = sidekiq ? `, and ${sidekiq.name} holds ${megabytes(sidekiq.held)}` : '';
  const why = `${danger(view, limits)}${more}`;
  return { verdict: { type: 'save', child: sidekiq?.name ?? null, why, atOnce }, ending: null, waitMs: null };
};

function danger({ totalBytes }: View, { bytes, thresholds }: Limits): string {
  return `${level(totalBytes, bytes)}, the platform kills at ${percent(thresholds.kill, bytes)} %`;
}

function endHelper({ use }: Helper, why: string, how: 'TERM' | 'KILL'): Choice {
  const { pid, started, name } = use;
  const killAfterMs = how === 'KILL' ? 0 : HELPER_KILL_AFTER_MS;
  return {
    verdict: { type: 'end-process', id: { pid, started }, name, killAfterMs, why },
    ending: [idOf(use), how],
    waitMs: null,
  };
}

type Grown = { name: ChildName; held: number; gain: number };

function grown(...about: Parameters<Choose>): Grown | null {
  return most(allGrown(...about), ({ gain }) => gain);
}

/** The sidekiqs that are up and would give back something by a restart. */
function allGrown(...[memory, view, up, specs, { bytes }]: Parameters<Choose>): Grown[] {
  return specs
    .filter(({ name, memory: { recycle } }) => recycle !== null && up.has(name))
    .map(({ name }) => {
      const held = view.children.get(name) ?? 0;
      return { name, held, gain: held - (memory.rest.get(name) ?? held) };
    })
    .filter(({ gain }) => gain >= WORTH_A_RESTART * bytes);
}

function worker(view: View, up: ReadonlySet<ChildName>, specs: readonly ChildSpec[], now: string): Choice | null {
  const clusters = specs.filter(({ name, memory }) => memory.workers > 0 && up.has(name));
  const workers = clusters.flatMap(({ name }) => workersOf(name, view.processes));
  const biggest = most(workers, ({ bytes }) => bytes);
  if (!biggest) return null;
  const { pid, started, child } = biggest;
  const why = `${now}, and a worker of ${child} holds ${megabytes(biggest.bytes)}; its master boots another`;
  const verdict = {
    type: 'end-process',
    id: { pid, started },
    name: `${child} worker`,
    killAfterMs: null,
    why,
  } as const;
  return { verdict, ending: null, waitMs: WORKER_TAKES_MS };
}

function despair(memory: Memory, view: View, { bytes }: Limits): Choice | null {
  if (memory.despaired) return null;
  const [name, held] = most([...view.children], ([, one]) => one) ?? ['', 0];
  const text = `${level(view.totalBytes, bytes)}, and nobody can be spared: ${name} holds ${megabytes(held)}. Fewer threads or a larger dyno would help`;
  return { verdict: { type: 'say', level: 'warn', text }, ending: null, waitMs: null };
}

function said({ use }: Helper): string {
  return `${use.name} in the tree of ${use.child}`;
}

function most<T>(all: readonly T[], of: (one: T) => number): T | null {
  return all.reduce<T | null>((best, one) => (best === null || of(one) > of(best) ? one : best), null);
}
