import type { MemoryCommand } from '../commands.ts';
import type { ChildName, ChildSpec, RestartMethod, Thresholds } from '../plan/spec.ts';
import type { Snapshot } from './snapshot.ts';

/** What the policy decides about. ready: the children that are ready, observed or assumed. */
export type PolicyInput = {
  snapshot: Snapshot;
  ready: ReadonlySet<ChildName>;
  specs: readonly ChildSpec[];
  limits: Limits;
};
export type Limits = { bytes: number; thresholds: Thresholds };

/** What is done: a command to the supervisor, or a line of the log. */
export type MemoryAction =
  | Exclude<MemoryCommand, { type: 'memory-pressure' }>
  | { type: 'report'; level: 'info' | 'warn' | 'error'; text: string };

/** An action, and what the policy remembers from now on because of it. */
export type Decision = { action: MemoryAction; changes: Partial<PolicyState> };

/** What the policy remembers from one decision to the next. */
export type PolicyState = {
  /** The warning was logged; again only after a fall below `rearm`. */
  warned: boolean;
  /** The least that each child held since it is ready, in bytes: what a restart would bring it back to. */
  baseline: ReadonlyMap<ChildName, number>;
  fit: Fit;
  /** The least that each worker of puma held, in bytes, by its process key. */
  workers: ReadonlyMap<string, number>;
  /** Helpers that were told to end, by their process keys. */
  endingHelpers: ReadonlyMap<string, HelperEnding>;
  /** An action needs time to show what it does. */
  nextActionAtMs: number;
  /** It was logged that nothing can be done. */
  gaveUp: boolean;
};
export type HelperEnding = { by: 'TERM' | 'KILL'; atMs: number };

/** Whether a restart can help, as far as that is known. Helpers are ended in each state. */
export type Fit =
  /** Not all children have been ready yet, or since `aboveSinceMs` they have been ready and above `act`, helpers not counted.
   * restarted: the process key of a child that was restarted before its baseline was known. */
  | { state: 'unknown'; aboveSinceMs: number | null; restarted: string | null }
  /** With all of them ready, the children alone were below `act`. */
  | { state: 'fits' }
  /** They never were: the quota is wrong, or too small for this dyno. */
  | { state: 'too-big' };

export const INITIAL_STATE: PolicyState = {
  warned: false,
  baseline: new Map(),
  fit: { state: 'unknown', aboveSinceMs: null, restarted: null },
  workers: new Map(),
  endingHelpers: new Map(),
  nextActionAtMs: 0,
  gaveUp: false,
};

export const TOO_BIG =
  'the quota is wrong or too small for this dyno; helpers are still ended, children restarted only where that helps';

export function isOnDemand({ start }: ChildSpec): boolean {
  return typeof start === 'object' && 'onDemand' in start;
}

/** A restart that gives back less is not worth it; part of the quota. */
export const MIN_GAIN_SHARE = 1 / 10;

/** A ready child, the bytes that it holds, and how many more that are than its baseline. */
export type GrownChild = { name: ChildName; bytes: number; gain: number };

/** The children that would give back something by a restart: `quietable` those that can be told to take no new work, which are
 * the sidekiqs; `routed` those behind the router, which holds their requests meanwhile. */
export function growthOf(
  { baseline }: PolicyState,
  { snapshot, ready, specs, limits }: PolicyInput,
): { quietable: GrownChild[]; routed: GrownChild[] } {
  const grown = (isWanted: (method: RestartMethod) => boolean): GrownChild[] =>
    specs
      .filter(({ name, memory: { restart } }) => restart !== null && isWanted(restart) && ready.has(name))
      .map(({ name }) => {
        const bytes = snapshot.children.get(name) ?? 0;
        return { name, bytes, gain: bytes - (baseline.get(name) ?? bytes) };
      })
      .filter(({ gain }) => gain >= MIN_GAIN_SHARE * limits.bytes);
  return {
    quietable: grown(({ quietSignal }) => quietSignal !== null),
    routed: grown(({ quietSignal }) => quietSignal === null),
  };
}
