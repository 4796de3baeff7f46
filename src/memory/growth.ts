import type { ChildName, RestartMethod } from '../plan/spec.ts';
import type { PolicyInput, PolicyState } from './policy-state.ts';

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
