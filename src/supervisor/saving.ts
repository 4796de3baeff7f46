import type { ChildName, ServePlan } from '../plan/spec.ts';
import { specOf } from './children.ts';
import { restForMemory } from './falling.ts';
import { running } from './on-demand.ts';
import { end, killOne, whyNoneNow } from './recycling.ts';
import { stop } from './stopping.ts';
import type { ChildState, Effect, EventOf, Incarnation, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** The last measure before the platform's own: who is about to give memory back is hurried; else a child is restarted at once;
 * else one that runs on demand is put to rest, before what serves the web is restarted; else the dyno stops in good order,
 * where that can help. */
export function save(state: Running, event: EventOf<'save'>, plan: ServePlan): Step {
  const { why, atMs } = event;
  const leaving = [...state.children].find(([, { is }]) => GIVES_BACK.includes(is));
  if (leaving !== undefined) return hurry(state, leaving, event, plan);
  const child = restartable(state, event, plan);
  const spare = [...state.demands.keys()].map((name) => running(state, name)).find((one) => one !== null);
  if (spare && (child === null || child.isBehindRouter)) return restForMemory(state, { ...spare, why, atMs }, plan);
  if (child === null && event.lastResort === 'none') return [state];
  if (child === null) return stop(state.children, { kind: 'memory', why }, atMs, plan);
  return end({ ...state, recycledAtMs: atMs }, { ...child, atMs }, plan, [tellSaving(child.child, why)]);
}

type Restartable = Incarnation & { isBehindRouter: boolean };

/** The child that is named, when it can be started again. One that is still starting can: whether it is ready may not have
 * been seen, and the time between two recycles keeps it from being restarted in a loop. */
function restartable(state: Running, { child, atMs }: EventOf<'save'>, plan: ServePlan): Restartable | null {
  const how = child === null ? null : specOf(plan, child)?.memory.recycle;
  const now = child === null ? null : state.children.get(child);
  if (child === null || !how || (now?.is !== 'up' && now?.is !== 'starting')) return null;
  if (whyNoneNow(state, atMs) !== null) return null;
  return { child, startedAtMs: now.startedAtMs, isBehindRouter: how.quiet === null };
}

const GIVES_BACK: readonly string[] = ['quiet', 'ending', 'killed', 'clearing'];

/** Whoever was named: what is under way gives memory back first. */
function hurry(state: Running, [child, its]: [ChildName, ChildState], event: EventOf<'save'>, plan: ServePlan): Step {
  const { why, atOnce, atMs } = event;
  // What it left behind may hold as much as it did.
  if (its.is === 'clearing' && atOnce) return [state, { do: 'kill-tree', child }, tellSaving(child, why, true)];
  if (its.is !== 'quiet' && its.is !== 'ending') return [state];
  const incarnation = { child, startedAtMs: its.startedAtMs };
  if (atOnce) return killOne(state, incarnation, tellSaving(child, why, true));
  return its.is === 'ending' ? [state] : end(state, { ...incarnation, atMs }, plan, [tellSaving(child, why)]);
}

function tellSaving(child: ChildName, why: string, killed = false): Effect {
  return { do: 'tell', fact: { fact: 'saving', child, why, killed } };
}

/** A helper, or a worker of puma. */
export function endProcess({ id, name, killAfterMs, why }: EventOf<'end-process'>): Effect[] {
  return [
    { do: 'end-process', id, killAfterMs },
    { do: 'tell', fact: { fact: 'ending', process: `${name} (pid ${id.pid})`, why, killAfterMs } },
  ];
}

/** In a stop: a helper may be what would have the platform kill those that still drain; a worker drains with the others. */
export function endHelper(event: EventOf<'end-process'>): Effect[] {
  return event.killAfterMs === null ? [] : endProcess(event);
}
