import type { HandedOnSignal, StopSignal } from '../host/host.ts';
import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import type { Children, ChildState, Effect, EventOf } from './state.ts';

export function alive(children: Children): ChildName[] {
  return [...children]
    .filter(([, { is }]) => is !== 'waiting' && is !== 'down' && is !== 'ended' && is !== 'clearing')
    .map(([name]) => name);
}

/** The children after this end, and what to tell of it. byUs: we were killing. */
export function endOf(
  children: Children,
  event: EventOf<'child-exited'>,
  byUs = children.get(event.child)?.is === 'killed',
): { children: Children; told: Effect } {
  const { child, status, atMs } = event;
  const startedAtMs = startedAt(children, event);
  return {
    children: new Map(children).set(child, { is: 'ended', startedAtMs, status, byUs }),
    told: { do: 'tell', fact: { fact: 'ended', child, status, afterMs: atMs - startedAtMs, byUs } },
  };
}

export function startedAt(children: Children, { child, atMs }: EventOf<'child-exited'>): number {
  const state = children.get(child);
  return state !== undefined && 'startedAtMs' in state ? state.startedAtMs : atMs;
}

export function starting(atMs: number): ChildState {
  return { is: 'starting', startedAtMs: atMs };
}

export function specOf(plan: ServePlan, name: ChildName): ChildSpec | undefined {
  return plan.children.find((child) => child.name === name);
}

/** How long nobody wants a child before it is put to rest; null for one that does not run on demand. */
export function idleMsOf(spec: ChildSpec | undefined): number | null {
  const when = spec?.start;
  return typeof when === 'object' && 'onDemand' in when ? when.onDemand.idleMs : null;
}

/** What runs on demand has nothing to finish, and who waits for its next start waits for its end as well. */
const REST_AT_MOST_MS = 5000;

/** From the TERM of a child while the dyno runs on to its KILL, and from its end to the KILL of what outlived it. */
export function killAfterMs(plan: ServePlan, name: ChildName): number {
  const ofStop = plan.stop.killAfterMs;
  return idleMsOf(specOf(plan, name)) === null ? ofStop : Math.min(ofStop, REST_AT_MOST_MS);
}

/** A child that was not seen ready by then counts as up. Before its traps are set, USR1 and USR2 end puma, and TTIN and TSTP
 * stop sidekiq for good. */
const BOOT_AT_MOST_MS = 60_000;

/** A signal that is for a kind of child, not for the dyno. */
export function handOn(children: Children, signal: HandedOnSignal, plan: ServePlan): Effect[] {
  const takers = [...children]
    .filter(([name, child]) => specOf(plan, name)?.forwards.includes(signal) === true && hears(child))
    .map(([name]) => name);
  return [{ do: 'hand-on', children: takers, signal }];
}

function hears({ is }: ChildState): boolean {
  return is === 'up' || is === 'quiet';
}

/** Every start of a child. */
export function start(child: ChildName, atMs: number): Effect[] {
  return [
    { do: 'spawn', child },
    { do: 'schedule', event: { type: 'boot-over', child, startedAtMs: atMs, atMs: atMs + BOOT_AT_MOST_MS } },
  ];
}

export function isStop(signal: StopSignal | HandedOnSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP';
}
