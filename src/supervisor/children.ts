import type { HandedOnSignal, StopSignal } from '../host/host.ts';
import type { ChildName, ChildSpec, ServePlan } from '../plan/spec.ts';
import type { Children, ChildState, Effect, EventOf } from './state.ts';

export function alive(children: Children): ChildName[] {
  return [...children].filter(([, { is }]) => is === 'starting' || is === 'up').map(([name]) => name);
}

export function withEnd(children: Children, event: EventOf<'child-exited'>): Children {
  return new Map(children).set(event.child, {
    is: 'ended',
    startedAtMs: startedAt(children, event),
    status: event.status,
  });
}

export function told(children: Children, event: EventOf<'child-exited'>): Effect[] {
  const { child, status, atMs } = event;
  return [{ do: 'tell', fact: { fact: 'ended', child, status, afterMs: atMs - startedAt(children, event) } }];
}

export function startedAt(children: Children, { child, atMs }: EventOf<'child-exited'>): number {
  const state = children.get(child);
  return state === undefined || state.is === 'waiting' ? atMs : state.startedAtMs;
}

export function starting(atMs: number): ChildState {
  return { is: 'starting', startedAtMs: atMs };
}

export function specOf(plan: ServePlan, name: ChildName): ChildSpec | undefined {
  return plan.children.find((child) => child.name === name);
}

/** A signal that is for a kind of child, not for the dyno. */
export function handOn(children: Children, signal: HandedOnSignal, plan: ServePlan): Effect[] {
  const takers = alive(children).filter((name) => specOf(plan, name)?.forwards.includes(signal));
  return [
    ...takers.map((child): Effect => ({ do: 'signal', child, signal })),
    { do: 'tell', fact: { fact: 'handed-on', signal, children: takers } },
  ];
}

export function isStop(signal: StopSignal | HandedOnSignal): signal is StopSignal {
  return signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP';
}
