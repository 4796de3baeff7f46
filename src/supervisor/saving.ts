import type { ChildName, ServePlan } from '../plan/spec.ts';
import { specOf } from './children.ts';
import { restForMemory } from './falling.ts';
import { running } from './on-demand.ts';
import { end, killOne, whyNot } from './recycling.ts';
import { stop } from './stopping.ts';
import type { ChildState, Effect, EventOf, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** The last measure before the platform's own: who is about to give memory back is hurried; else a child is restarted at once;
 * else one that runs on demand is put to rest; else the dyno stops in good order. */
export function save(state: Running, event: EventOf<'save'>, plan: ServePlan): Step {
  const { child, why, atMs } = event;
  const leaving = [...state.children].find(([, { is }]) => GIVES_BACK.includes(is));
  if (leaving !== undefined) return hurry(state, leaving, event, plan);
  const now = child === null ? undefined : state.children.get(child);
  const canRestart = child !== null && specOf(plan, child)?.memory.recycle != null;
  if (canRestart && now?.is === 'up' && whyNot(state, child, atMs) === null) {
    const since = { ...state, recycledAtMs: atMs };
    return end(since, { child, startedAtMs: now.startedAtMs, atMs }, plan, [tellSaving(child, why)]);
  }
  const spare = [...state.demands.keys()].map((name) => running(state, name)).find((one) => one !== null);
  if (spare) return restForMemory(state, { ...spare, why, atMs }, plan);
  return stop(state.children, { kind: 'memory', why }, atMs, plan);
}

const GIVES_BACK: readonly string[] = ['quiet', 'ending', 'killed', 'clearing'];

/** Whoever was named: what is under way gives memory back first. */
function hurry(state: Running, [child, its]: [ChildName, ChildState], event: EventOf<'save'>, plan: ServePlan): Step {
  if (its.is !== 'quiet' && its.is !== 'ending') return [state];
  const { why, atOnce, atMs } = event;
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
