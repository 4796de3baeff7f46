import type { Limits } from './memory.ts';

/** An exact reading: what it found, and what it cost in CPU time. */
export type Exact = { atMs: number; totalBytes: number; costMs: number };
/** A quick look: the estimate, its growth in bytes a second, and how many helpers are at work. */
export type Look = { atMs: number; totalBytes: number; growth: number; helpers: number };

export const LOOK_EVERY_MS = 1000;
/** 200 ms: a `convert` that takes half a gigabyte a second is seen five times before it has filled a small dyno. */
const LOOK_CLOSELY_EVERY_MS = 200;
/** How often to ask for new processes. A shorter time costs more CPU at rest than the readings themselves. */
export const ASK_FOR_PROCESSES_EVERY_MS = 500;
const EXACT_EVERY_MS = 15_000;
/** Growth that reaches a threshold within this time is watched closely. */
const AHEAD_S = 5;
/** Parts of the quota: a change that can change a judgement, and what is near a threshold. */
const CHANGE = 0.01;
const NEAR = 0.05;
/** An exact reading waits until this multiple of what the last one cost has passed: at most 2 % of a core near a threshold,
 * and 10 % where something has to be done. */
const CALM_SHARE = 50;
const URGENT_SHARE = 10;

/** Whether shared pages have to be counted now: from time to time, before anybody is judged, and when the kernel says that
 * memory is short. */
export function wantsExact(look: Look, last: Exact | null, limits: Limits, isShort = false): boolean {
  if (last === null) return true;
  const sinceMs = look.atMs - last.atMs;
  const { relieve } = limits.thresholds;
  const isUrgent = isShort || look.totalBytes >= relieve;
  if (sinceMs < last.costMs * (isUrgent ? URGENT_SHARE : CALM_SHARE)) return false;
  if (sinceMs >= EXACT_EVERY_MS || bandOf(look.totalBytes, limits) !== bandOf(last.totalBytes, limits)) return true;
  if (isShort) return true;
  const hasChanged = Math.abs(look.totalBytes - last.totalBytes) > CHANGE * limits.bytes;
  if (isUrgent) return hasChanged || sinceMs >= LOOK_EVERY_MS;
  return hasChanged && isNear(look.totalBytes, limits);
}

/** Far from what needs a closer look, and as it was when it was last counted, not long ago. */
export function isStill(totalBytes: number, atMs: number, last: Exact, { bytes, thresholds }: Limits): boolean {
  if (totalBytes >= thresholds.relieve || atMs - last.atMs >= EXACT_EVERY_MS) return false;
  return Math.abs(totalBytes - last.totalBytes) <= CHANGE * bytes;
}

/** Milliseconds until the next look. */
export function pauseMs(look: Look, limits: Limits): number {
  const { relieve } = limits.thresholds;
  const isUrgent = look.totalBytes + AHEAD_S * Math.max(0, look.growth) >= relieve;
  return isUrgent || look.helpers > 0 ? LOOK_CLOSELY_EVERY_MS : LOOK_EVERY_MS;
}

/** Between which thresholds. */
function bandOf(bytes: number, { thresholds }: Limits): number {
  const { warn, relieve, save, kill } = thresholds;
  return [warn, relieve, save, (save + kill) / 2].filter((one) => bytes >= one).length;
}

function isNear(bytes: number, { bytes: quota, thresholds }: Limits): boolean {
  const { warn, relieve, save } = thresholds;
  return [warn, relieve, save].some((one) => bytes < one && one - bytes < NEAR * quota);
}
