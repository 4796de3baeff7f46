import type { ChildName, ServePlan } from '../plan/spec.ts';
import { idleMsOf, specOf, start, starting } from './children.ts';
import { end } from './recycling.ts';
import type { Demand, Effect, EventOf, Incarnation, Phase, Step } from './state.ts';

type Running = Phase<'running'>;
type About = { child: ChildName; atMs: number };

export function onDemand(
  state: Running,
  event: EventOf<'wanted' | 'unwanted' | 'idle-over' | 'pause-over'>,
  plan: ServePlan,
): Step {
  switch (event.type) {
    case 'wanted':
      return wanted(state, event, plan);
    case 'unwanted':
      return [unwanted(state, event)];
    case 'idle-over':
      return idleOver(state, event, plan);
    case 'pause-over':
      return availableIfWanted(state, event);
  }
}

/** Somebody asks for it: it starts, unless it runs or still ends, memory is short, or it fell just now. A shortage is for
 * everybody who waits for it, earlier ones too. */
function wanted(state: Running, { child, shortage, atMs }: EventOf<'wanted'>, plan: ServePlan): Step {
  if (!state.demands.has(child)) return [state];
  if (shortage === null || running(state, child) !== null) {
    return startIfItMay(noted(state, child, { idleSinceMs: null }), { child, atMs }, plan);
  }
  return [unwanted(state, { child, atMs }), { do: 'tell', fact: { fact: 'not-woken', child, why: shortage } }];
}

/** The idle clock goes on from the first time that nobody wants it. */
function unwanted(state: Running, { child, atMs }: About): Running {
  return noted(state, child, { idleSinceMs: state.demands.get(child)?.idleSinceMs ?? atMs });
}

function startIfItMay(state: Running, { child, atMs }: About, plan: ServePlan): Step {
  if (!mayStart(state, { child, atMs })) return [state];
  return [
    { ...state, children: new Map(state.children).set(child, starting(atMs)) },
    ...start(child, atMs),
    lookAgain({ child, startedAtMs: atMs }, atMs + (idleMsOf(specOf(plan, child)) ?? 0)),
  ];
}

/** When it may start again. It does not at once: what memory there was when somebody asked says nothing any more. Whoever still
 * waits asks again. */
export function availableIfWanted(state: Running, { child, atMs }: About): Step {
  if (state.demands.get(child)?.idleSinceMs !== null || !mayStart(state, { child, atMs })) return [state];
  // The pause is over for good, though the clock of who asks next may be a moment behind that of the timer.
  const open = noted(state, child, { notBeforeMs: 0 });
  return [unwanted(open, { child, atMs }), { do: 'tell', fact: { fact: 'available', child } }];
}

/** It has ended with all that came from it, and its pause is over. */
function mayStart({ children, demands }: Running, { child, atMs }: About): boolean {
  return children.get(child)?.is === 'down' && atMs >= (demands.get(child)?.notBeforeMs ?? Infinity);
}

/** One timer for an incarnation, set anew until nobody has wanted it for long enough: one for each connection that ends would
 * be thousands. Ready or not: what nobody wants need not become ready. */
function idleOver(state: Running, event: EventOf<'idle-over'>, plan: ServePlan): Step {
  const { child, atMs } = event;
  const demand = state.demands.get(child);
  const idleMs = idleMsOf(specOf(plan, child)) ?? 0;
  if (demand === undefined || running(state, child)?.startedAtMs !== event.startedAtMs) return [state];
  const dueAtMs = (demand.idleSinceMs ?? atMs) + idleMs;
  if (demand.idleSinceMs === null || atMs < dueAtMs) return [state, lookAgain(event, dueAtMs)];
  return end(noted(state, child, { falls: 0 }), event, plan, [
    { do: 'tell', fact: { fact: 'resting', child, idleMs } },
  ]);
}

/** What runs, and was not told to end. */
export function running({ children }: Running, child: ChildName): Incarnation | null {
  const now = children.get(child);
  return now?.is === 'starting' || now?.is === 'up' ? { child, startedAtMs: now.startedAtMs } : null;
}

/** Nothing is noted of a child that does not run on demand. */
export function noted(state: Running, child: ChildName, change: Partial<Demand>): Running {
  const demand = state.demands.get(child);
  if (demand === undefined) return state;
  return { ...state, demands: new Map(state.demands).set(child, { ...demand, ...change }) };
}

function lookAgain({ child, startedAtMs }: Incarnation, atMs: number): Effect {
  return { do: 'schedule', event: { type: 'idle-over', child, startedAtMs, atMs } };
}
