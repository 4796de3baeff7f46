import type { Measure } from '../measures.ts';
import type { ChildName, Thresholds } from '../plan/spec.ts';

export type Verdict = Measure | { type: 'say'; level: 'info' | 'warn' | 'error'; text: string };
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
  /** Helpers that were told to end, and how. */
  ending: ReadonlyMap<string, 'TERM' | 'KILL'>;
  /** A measure needs this long to show what it does. */
  nextReliefAtMs: number;
  /** That nothing can be done. */
  despaired: boolean;
};

export const NOTHING_YET: Memory = {
  warned: false,
  rest: new Map(),
  fits: 'unknown',
  ending: new Map(),
  nextReliefAtMs: 0,
  despaired: false,
};
