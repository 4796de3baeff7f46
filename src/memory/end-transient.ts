import { danger, largest, level, megabytes } from './amounts.ts';
import type { Case, Choice, Ending, Limits, Memory } from './memory.ts';
import { idOf } from './transients.ts';
import type { Helper, View } from './view.ts';

/** Ending helpers (convert, ffmpeg …) needs no baseline and no ready child: it is done from the first reading of a dyno on. */

const HELPER_KILL_AFTER_MS = 2000;
const KILL_TAKES_MS = 3000;
/** What fills a dyno, and a helper that has part in it; parts of the quota. */
const MANY_HELPERS = 1 / 4;
const HELPER_THAT_COUNTS = 1 / 16;

/** TERM for the biggest helper, when helpers hold more than a quarter of the quota, alone or together. */
export function endBiggest(memory: Memory, { view, limits }: Case): Choice | null {
  const counting = countingHelpers(view, limits).filter(({ use }) => !memory.ending.has(idOf(use)));
  const held = counting.reduce((sum, { use }) => sum + use.bytes, 0);
  const helper = held > MANY_HELPERS * limits.bytes ? largest(counting, ({ use }) => use.bytes) : null;
  if (!helper) return null;
  const why = `${level(view.totalBytes, limits.bytes)}, and ${nameOf(helper)} holds ${megabytes(helper.use.bytes)}`;
  return endHelper(helper, { memory, why, by: 'TERM', atMs: view.atMs });
}

/** KILL at once for the helper that grows fastest, else for the biggest. */
export function killGrowing(memory: Memory, { view, limits }: Case): Choice | null {
  const counting = countingHelpers(view, limits).filter(({ use }) => memory.ending.get(idOf(use))?.by !== 'KILL');
  const helper = largest(counting, ({ growth, use }) => (growth > 0 ? 1e15 + growth : use.bytes));
  if (!helper) return null;
  const grows = helper.growth > 0 ? ` and grows by ${megabytes(helper.growth)} a second` : '';
  const held = `${nameOf(helper)} holds ${megabytes(helper.use.bytes)}${grows}`;
  const why = `${danger(view.totalBytes, limits.bytes, limits.thresholds.kill)}, and ${held}`;
  return endHelper(helper, { memory, why, by: 'KILL', atMs: view.atMs });
}

/** Whether a helper that was told to end, in one of these ways, still has the time for it. One that even a KILL does not end
 * (it hangs in a disk) is not waited for. */
export function isHelperEnding(memory: Memory, { helpers, atMs }: View, by: readonly Ending['by'][]): boolean {
  return helpers.some(({ use }) => {
    const ending = memory.ending.get(idOf(use));
    if (ending === undefined || !by.includes(ending.by)) return false;
    return atMs - ending.atMs < (ending.by === 'TERM' ? HELPER_KILL_AFTER_MS : 0) + KILL_TAKES_MS;
  });
}

function countingHelpers({ helpers }: View, { bytes }: Limits): Helper[] {
  return helpers.filter(({ use }) => use.bytes > HELPER_THAT_COUNTS * bytes);
}

type How = { memory: Memory; why: string; by: Ending['by']; atMs: number };

function endHelper({ use }: Helper, { memory, why, by, atMs }: How): Choice {
  const { pid, started, name } = use;
  const killAfterMs = by === 'KILL' ? 0 : HELPER_KILL_AFTER_MS;
  return {
    verdict: { type: 'end-process', id: { pid, started }, name, killAfterMs, why },
    changes: { ending: new Map(memory.ending).set(idOf(use), { by, atMs }) },
  };
}

function nameOf({ use }: Helper): string {
  return `${use.name} in the tree of ${use.child}`;
}
