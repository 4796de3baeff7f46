import type { Relief } from '../measures.ts';
import type { View } from './view.ts';
import type { ChildName, ChildSpec, Thresholds } from '../plan/spec.ts';

export type Verdict = Relief | { type: 'say'; level: 'info' | 'warn' | 'error'; text: string };
/** atMs: when it was told. */
export type Ending = { by: 'TERM' | 'KILL'; atMs: number };
export type Limits = { bytes: number; thresholds: Thresholds };

/** What the guard remembers from one judgement to the next. */
export type Memory = {
  /** That it was said; said again after a fall below `rearm`. */
  warned: boolean;
  /** The least that each child held since it was up: what a restart would bring it back to. */
  rest: ReadonlyMap<ChildName, number>;
  /** Whether the children alone were ever below `relieve` with all of them up. A dyno that never fitted has a wrong quota
   * or is too small: to end parts of it helps nobody. */
  fits: 'unknown' | 'yes' | 'no';
  /** Since when they did not: a backlog right after the boot is no wrong quota. */
  tooBigSinceMs: number | null;
  /** The least that each worker of puma held. */
  workers: ReadonlyMap<string, number>;
  /** Helpers that were told to end, how, and when. */
  ending: ReadonlyMap<string, Ending>;
  /** A measure needs this long to show what it does. */
  nextReliefAtMs: number;
  /** That nothing can be done. */
  despaired: boolean;
};

export const NOTHING_YET: Memory = {
  warned: false,
  rest: new Map(),
  fits: 'unknown',
  tooBigSinceMs: null,
  workers: new Map(),
  ending: new Map(),
  nextReliefAtMs: 0,
  despaired: false,
};

/** It may well not run at all. */
export function isOnDemand({ start }: ChildSpec): boolean {
  return typeof start === 'object' && 'onDemand' in start;
}

/** What is to be judged. up: the children that are ready. */
export type Case = { view: View; up: ReadonlySet<ChildName>; specs: readonly ChildSpec[]; limits: Limits };
