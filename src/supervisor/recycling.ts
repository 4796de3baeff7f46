import type { ChildName, Recycle, ServePlan } from '../plan/spec.ts';
import { killAfterMs, specOf } from './children.ts';
import type { ChildState, Effect, EventOf, Incarnation, Phase, Step } from './state.ts';

type Running = Phase<'running'>;

/** From the begin of a recycle to the begin of the next, whoever it is: a dyno that has to recycle more often has another
 * problem, and each one costs a boot of sidekiq. */
export const RECYCLE_APART_MS = 600_000;

/** A recycle: quiet, until it is idle or has had its time; TERM; and start it again. */
export function recycle(state: Running, event: EventOf<'recycle'>, plan: ServePlan): Step {
  const { child, why, atMs } = event;
  const how = specOf(plan, child)?.memory.recycle;
  const not = whyNot(state, child, atMs);
  if (!how || not !== null) return [state, tellNot(child, not ?? 'it cannot be')];
  return begin(state, child, how, why, atMs);
}

/** A recycle without need, by time. It is put off, not left out. */
export function recycleDue(state: Running, event: EventOf<'recycle-due'>, plan: ServePlan): Step {
  const how = specOf(plan, event.child)?.memory.recycle;
  if (!how || isNow(state, event)?.is !== 'up') return [state];
  const not = whyNot(state, event.child, event.atMs);
  if (not === null) return begin(state, event.child, how, 'it has run long enough', event.atMs);
  const again = { ...event, atMs: event.atMs + RECYCLE_APART_MS };
  return [state, { do: 'schedule', event: again }, tellNot(event.child, not)];
}

/** A quiet child has nothing in hand any more, which the router says of what is behind it, or had its time: TERM. */
export function quietOver(state: Running, event: EventOf<'idle' | 'drained' | 'quiet-over'>, plan: ServePlan): Step {
  const { child, atMs } = event;
  const now = state.children.get(child);
  if (now?.is !== 'quiet' || ('startedAtMs' in event && event.startedAtMs !== now.startedAtMs)) return [state];
  const fact = { fact: 'restarting', child, idle: event.type !== 'quiet-over' } as const;
  return end(state, { child, startedAtMs: now.startedAtMs, atMs }, plan, [{ do: 'tell', fact }]);
}

export function endOver(state: Running, event: EventOf<'end-over'>): Step {
  if (isNow(state, event)?.is !== 'ending') return [state];
  const told = { do: 'tell', fact: { fact: 'killing', children: [event.child] } } as const;
  return killOne(state, event, told);
}

export function killOne(state: Running, { child, startedAtMs }: Incarnation, told: Effect): Step {
  const children = new Map(state.children).set(child, { is: 'killed', startedAtMs });
  return [{ ...state, children }, { do: 'kill-tree', child }, told];
}

/** The state of exactly this incarnation; a timer of an earlier one means nothing. */
export function isNow(state: Running, { child, startedAtMs }: Incarnation): ChildState | null {
  const now = state.children.get(child);
  return now !== undefined && 'startedAtMs' in now && now.startedAtMs === startedAtMs ? now : null;
}

function begin(state: Running, child: ChildName, how: Recycle, why: string, atMs: number): Step {
  const now = state.children.get(child);
  if (now?.is !== 'up') return [state];
  const { startedAtMs } = now;
  return [
    { ...state, children: new Map(state.children).set(child, { is: 'quiet', startedAtMs }), recycledAtMs: atMs },
    ...(how.quiet === null ? [] : watchQuiet(child, startedAtMs, how.quiet)),
    { do: 'schedule', event: { type: 'quiet-over', child, startedAtMs, atMs: atMs + how.quietMs } },
    { do: 'tell', fact: { fact: 'recycling', child, why, quietMs: how.quietMs } },
  ];
}

function watchQuiet(child: ChildName, startedAtMs: number, signal: NodeJS.Signals): Effect[] {
  return [
    { do: 'signal', child, signal },
    { do: 'watch-idle', child, startedAtMs },
  ];
}

/** TERM for one child, and KILL when it does not follow. */
export function end(state: Running, event: Incarnation & { atMs: number }, plan: ServePlan, told: Effect[]): Step {
  const { child, startedAtMs, atMs } = event;
  const overAtMs = atMs + killAfterMs(plan, child);
  return [
    { ...state, children: new Map(state.children).set(child, { is: 'ending', startedAtMs }) },
    { do: 'look' },
    { do: 'signal', child, signal: 'SIGTERM' },
    { do: 'signal', child, signal: 'SIGCONT' },
    { do: 'schedule', event: { type: 'end-over', child, startedAtMs, atMs: overAtMs } },
    ...told,
  ];
}

export function whyNot(state: Running, child: ChildName, atMs: number): string | null {
  return state.children.get(child)?.is === 'up' ? whyNoneNow(state, atMs) : 'it is not up';
}

/** Why no child may be restarted now: one at a time, and not too often. */
export function whyNoneNow(state: Running, atMs: number): string | null {
  const { recycledAtMs } = state;
  const under = underWay(state);
  if (under !== null) return `${under} is being recycled`;
  return recycledAtMs !== null && atMs - recycledAtMs < RECYCLE_APART_MS ? 'the last recycle is too fresh' : null;
}

const RECYCLED: readonly string[] = ['quiet', 'ending', 'killed', 'clearing', 'returning'];

/** What runs on demand is put to rest, which is over soon. */
function underWay({ children, demands }: Running): ChildName | null {
  const found = [...children].find(([name, { is }]) => RECYCLED.includes(is) && !demands.has(name));
  return found?.[0] ?? null;
}

function tellNot(child: ChildName, why: string): Effect {
  return { do: 'tell', fact: { fact: 'not-recycling', child, why } };
}
