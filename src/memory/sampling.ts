import type { Limits } from './policy-state.ts';

/** An exact reading: the total that it counted, and the CPU time that it cost. */
export type ExactSample = { atMs: number; totalBytes: number; costMs: number };
/** A quick reading: the estimated total, its growth in bytes a second, and how many helpers are at work. */
export type QuickSample = { atMs: number; totalBytes: number; growth: number; helpers: number };

export const SAMPLE_EVERY_MS = 1000;
/** A `convert` that takes half a gigabyte a second is sampled five times before it has filled a small dyno. */
const SAMPLE_CLOSELY_EVERY_MS = 200;
/** How often to check for new processes. A shorter time costs more CPU at rest than the readings themselves. */
export const CHECK_FOR_PROCESSES_EVERY_MS = 500;
const EXACT_EVERY_MS = 15_000;
/** Growth that reaches `act` within this time is sampled closely. */
const LOOKAHEAD_S = 5;
/** Parts of the quota: a change that can change a decision, and a distance that is near a threshold. */
const CHANGE_SHARE = 0.01;
const NEAR_SHARE = 0.05;
/** An exact reading waits for this multiple of the CPU time of the last one: it takes at most 2 % of a core near a threshold, and
 * 10 % where something has to be done. */
const CALM_PAUSE = 50;
const URGENT_PAUSE = 10;

/** Whether shared pages have to be counted now: from time to time, before any decision, and under memory pressure, of which the kernel
 * itself tells. */
export function needsExact(
  sample: QuickSample,
  last: ExactSample | null,
  limits: Limits,
  isUnderPressure = false,
): boolean {
  if (last === null) return true;
  const sinceMs = sample.atMs - last.atMs;
  const isUrgent = isUnderPressure || sample.totalBytes >= limits.thresholds.act;
  if (sinceMs < last.costMs * (isUrgent ? URGENT_PAUSE : CALM_PAUSE)) return false;
  if (sinceMs >= EXACT_EVERY_MS || bandOf(sample.totalBytes, limits) !== bandOf(last.totalBytes, limits)) return true;
  if (isUnderPressure) return true;
  const hasChanged = Math.abs(sample.totalBytes - last.totalBytes) > CHANGE_SHARE * limits.bytes;
  if (isUrgent) return hasChanged || sinceMs >= SAMPLE_EVERY_MS;
  return hasChanged && isNearThreshold(sample.totalBytes, limits);
}

/** Below `act`, and as it was when it was last counted, not long ago. */
export function isUnchanged(
  totalBytes: number,
  atMs: number,
  last: ExactSample,
  { bytes, thresholds }: Limits,
): boolean {
  if (totalBytes >= thresholds.act || atMs - last.atMs >= EXACT_EVERY_MS) return false;
  return Math.abs(totalBytes - last.totalBytes) <= CHANGE_SHARE * bytes;
}

export function msUntilNextSample(sample: QuickSample, { thresholds }: Limits): number {
  const expectedBytes = sample.totalBytes + LOOKAHEAD_S * Math.max(0, sample.growth);
  return expectedBytes >= thresholds.act || sample.helpers > 0 ? SAMPLE_CLOSELY_EVERY_MS : SAMPLE_EVERY_MS;
}

/** How many thresholds are reached. */
function bandOf(bytes: number, { thresholds }: Limits): number {
  const { warn, act, emergency, kill } = thresholds;
  return [warn, act, emergency, (emergency + kill) / 2].filter((threshold) => bytes >= threshold).length;
}

function isNearThreshold(bytes: number, { bytes: quota, thresholds }: Limits): boolean {
  const { warn, act, emergency } = thresholds;
  return [warn, act, emergency].some((threshold) => bytes < threshold && threshold - bytes < NEAR_SHARE * quota);
}
