import type { Event, EventOf } from './state.ts';

/** From these nothing follows once a dyno stops: there is no start and no recycle any more, and a recycle that was under way
 * ends as the others do. */
const ONLY_FOR_RUNNING = [
  'child-ready',
  'start-over',
  'recycle',
  'recycle-due',
  'idle',
  'quiet-over',
  'end-over',
  'return-over',
  'unwatched',
  'boot-over',
  'save',
  'wanted',
  'unwanted',
  'idle-over',
  'pause-over',
] as const satisfies readonly Event['type'][];

const ONLY_FOR_STOPPING = [
  'broadcast-over',
  'grace-over',
  'budget-over',
  'swept',
  'killed-all',
  'drain-over',
  'heard-over',
] as const satisfies readonly Event['type'][];

/** It says something to a dyno that runs, and nothing to one that stops. */
export function isOnlyForRunning(event: Event): event is EventOf<(typeof ONLY_FOR_RUNNING)[number]> {
  return isOneOf(ONLY_FOR_RUNNING, event);
}

/** It belongs to a stop. */
export function isOnlyForStopping(event: Event): event is EventOf<(typeof ONLY_FOR_STOPPING)[number]> {
  return isOneOf(ONLY_FOR_STOPPING, event);
}

function isOneOf<T extends Event['type']>(types: readonly T[], event: Event): event is EventOf<T> {
  return (types as readonly string[]).includes(event.type);
}
