import { LARGEST_BYTES, type Rules } from './rules.ts';
import type { Life, Next, Slot, SlotEffect } from './slot.ts';
import { code, kill, withLife } from './slot-words.ts';

/** R14 from the quota on, again and again while it lasts; R15 and the end at twice that. */
export function weighed(slot: Slot, life: Life, bytes: number, rules: Rules, nowMs: number): Next {
  const share = bytes / slot.quotaBytes;
  if (life.phase === 'killed' || life.phase === 'overdue') return [slot];
  if (share >= (slot.quotaBytes < LARGEST_BYTES ? rules.killAt : rules.killLargestAt)) {
    const said = [...running(bytes, share), ...code('R15', 'Error R15 (Memory quota vastly exceeded)')];
    return kill(slot, life, said, 'Stopping process with SIGKILL');
  }
  if (share < rules.warnAt) return [life.warnedMs === null ? slot : withLife(slot, { ...life, warnedMs: null })];
  if (life.warnedMs !== null && nowMs - life.warnedMs < rules.warnEveryMs) return [slot];
  const said = [...running(bytes, share), ...code('R14', 'Error R14 (Memory quota exceeded)')];
  const isNew = life.warnedMs === null;
  return [withLife(slot, { ...life, warnedMs: nowMs }), ...said.filter((effect) => isNew || effect.do === 'say')];
}

function running(bytes: number, share: number): SlotEffect[] {
  const mebibytes = Math.round(bytes / 2 ** 20);
  return [{ do: 'say', text: `Process running mem=${mebibytes}M(${(share * 100).toFixed(1)}%)` }];
}
