import type { Relief } from '../measures.ts';
import type { View } from './view.ts';
import type { ChildName, ChildSpec, Thresholds } from '../plan/spec.ts';

export type Verdict = Relief | { type: 'say'; level: 'info' | 'warn' | 'error'; text: string };
/** atMs: when it was told. */
export type Ending = { by: 'TERM' | 'KILL'; atMs: number };
/** A measure, and what the guard remembers from now on because of it. */
export type Choice = { verdict: Verdict; changes: Partial<Memory> };
export type Limits = { bytes: number; thresholds: Thresholds };

/** Whether a restart can help, as far as that is known: helpers are ended in any state. */
export type Fit =
  /** Not all children were up yet, or since `aboveSinceMs` they have been up and above `relieve`, helpers not counted.
   * restarted: the first process of a child that was restarted before it was known what it holds at rest. */
  | { state: 'unknown'; aboveSinceMs: number | null; restarted: string | null }
  /** The children alone were below `relieve` with all of them up. */
  | { state: 'fits' }
  /** They never were: the quota is wrong, or too small for this dyno. */
  | { state: 'too-big' };

/** What the guard remembers from one judgement to the next. */
export type Memory = {
  /** That it was said; said again after a fall below `rearm`. */
  warned: boolean;
  /** The least that each child held since it was up: what a restart would bring it back to. */
  rest: ReadonlyMap<ChildName, number>;
  fit: Fit;
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
  fit: { state: 'unknown', aboveSinceMs: null, restarted: null },
  workers: new Map(),
  ending: new Map(),
  nextReliefAtMs: 0,
  despaired: false,
};

export const TOO_BIG =
  'the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps';

/** It may well not run at all. */
export function isOnDemand({ start }: ChildSpec): boolean {
  return typeof start === 'object' && 'onDemand' in start;
}

/** What is to be judged. up: the children that are ready. */
export type Case = { view: View; up: ReadonlySet<ChildName>; specs: readonly ChildSpec[]; limits: Limits };
