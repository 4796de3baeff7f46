import type { Leftovers } from '../host/host.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { endOf, killAfterMs, specOf, start, startedAt } from './children.ts';
import { availableIfWanted } from './on-demand.ts';
import { isNow } from './recycling.ts';
import { stop } from './stopping.ts';
import type { Effect, EventOf, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** A recycled child that is not up by then is a crash. Boots that starve on a busy dyno were seen to take a minute. */
export const RETURN_WITHIN_MS = 180_000;

/** It ended and the dyno runs on: what outlived it ends first, in as long as it had itself. Its end is in the log with its status,
 * whatever that was. */
export function clear(state: Running, event: EventOf<'child-exited'>, plan: ServePlan): Step {
  const { child, atMs } = event;
  const { told } = endOf(state.children, event);
  const startedAtMs = startedAt(state.children, event);
  return [
    { ...state, children: new Map(state.children).set(child, { is: 'clearing', startedAtMs }) },
    told,
    { do: 'clear-tree', child, killAtMs: atMs + killAfterMs(plan, child) },
  ];
}

export function cleared(state: Running, event: EventOf<'cleared'>): Step {
  const { child, leftovers, atMs } = event;
  if (state.children.get(child)?.is !== 'clearing') return [state];
  if (state.demands.has(child)) {
    const down = { ...state, children: new Map(state.children).set(child, { is: 'down' } as const) };
    return [...availableIfWanted(down, event), ...tellLeftovers(leftovers)];
  }
  return [...startAgain(state, child, atMs), ...tellLeftovers(leftovers)];
}

/** A child that was seen ready before must become ready again in time. Of one that never was, as with an app that does not
 * touch its ready file, this cannot be asked: it counts as up after a while, as at its first start. */
function startAgain(state: Running, child: ChildName, atMs: number): Step {
  const is = state.seenReady.has(child) ? 'returning' : 'starting';
  const children = new Map(state.children).set(child, { is, startedAtMs: atMs } as const);
  const over = { type: 'return-over', child, startedAtMs: atMs, atMs: atMs + RETURN_WITHIN_MS } as const;
  return [
    { ...state, children },
    ...start(child, atMs),
    ...(is === 'returning' ? [{ do: 'schedule', event: over } as const] : []),
  ];
}

export function returnOver(state: Running, event: EventOf<'return-over'>, plan: ServePlan): Step {
  if (isNow(state, event)?.is !== 'returning') return [state];
  return stop(state.children, { kind: 'not-back', child: event.child, afterMs: RETURN_WITHIN_MS }, event.atMs, plan);
}

/** From its readiness on, when everything of the kind is asked for. */
export function scheduleRecycle(plan: ServePlan, child: ChildName, startedAtMs: number, atMs: number): Effect[] {
  const everyMs = specOf(plan, child)?.memory.recycle?.everyMs ?? null;
  if (everyMs === null) return [];
  return [{ do: 'schedule', event: { type: 'recycle-due', child, startedAtMs, atMs: atMs + everyMs } }];
}

function tellLeftovers({ ended, killed }: Leftovers): Effect[] {
  const tell = (process: string, how: 'ended' | 'killed'): Effect => {
    return { do: 'tell', fact: { fact: 'leftover', process, how } };
  };
  return [...ended.map((one) => tell(one, 'ended')), ...killed.map((one) => tell(one, 'killed'))];
}
