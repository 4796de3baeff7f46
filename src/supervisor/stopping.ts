import { describeStatus } from '../exit-status.ts';
import type { ChildName, ServePlan } from '../plan/spec.ts';
import { BROADCAST_WINDOW_MS, mayBeBroadcast, ONCE_MORE, type Cause } from './cause.ts';
import { alive, endOf, handOn, startedAt } from './children.ts';
import { terminate, whoDrains, without } from './draining.ts';
import type { Children, Deadlines, Effect, EventOf, Phase, Step } from './state.ts';
import { kill, sweepOnceAllEnded } from './sweeping.ts';

/** From the TERM of a child that is starting to its second one. */
const HEARD_AFTER_MS = 1000;

/** The first reason to stop: TERM to every leader that lives, at the same time, unless the router still serves with it; and the
 * deadlines. */
export function stop(
  children: Children,
  cause: Cause,
  atMs: number,
  plan: ServePlan,
  first: readonly Effect[] = [],
): Step {
  const { killAfterMs, leaveAfterMs } = plan.stop;
  const deadlines = { stopAtMs: atMs, killAtMs: atMs + killAfterMs, leaveAtMs: atMs + leaveAfterMs };
  const interrupts = cause.kind === 'signal' && cause.signal === 'SIGINT' ? 1 : 0;
  const living = alive(children);
  const draining = whoDrains(children, cause, plan);
  const effects: Effect[] = [
    { do: 'look' },
    ...terminate(living.filter((name) => !draining.has(name))),
    ...[...draining].map(([child, drainMs]): Effect => {
      return { do: 'schedule', event: { type: 'drain-over', child, atMs: atMs + drainMs } };
    }),
    ...notYetUp(children).map((child): Effect => {
      return { do: 'schedule', event: { type: 'heard-over', child, atMs: atMs + HEARD_AFTER_MS } };
    }),
    { do: 'schedule', event: { type: 'grace-over', atMs: deadlines.killAtMs } },
    { do: 'schedule', event: { type: 'budget-over', atMs: deadlines.leaveAtMs } },
    ...(mayBeBroadcast(cause)
      ? [{ do: 'schedule', event: { type: 'broadcast-over', atMs: broadcastOverMs(deadlines) } } as const]
      : []),
    ...first,
    ...(cause.kind === 'child-exited' ? clearAfter(cause.child, { children, cause, deadlines }, atMs) : []),
    { do: 'tell', fact: { fact: 'stopping', because: reason(cause), children: living, atMostMs: killAfterMs } },
  ];
  const still = { draining: [...draining.keys()], leftovers: { ended: [], killed: [] } };
  return settle({ phase: 'stopping', children, cause, deadlines, interrupts, ...still }, atMs, effects);
}

/** Whoever boots may lose a TERM, as a plain `ruby -e 'sleep 4'` (3.1) does now and then 30 to 50 ms after its exec, and would go on to take
 * jobs. To puma and sidekiq a second one makes no difference (test/real). */
export function onceMore(state: Phase<'stopping'>, { child }: EventOf<'heard-over'>): Step {
  return [state, ...(alive(state.children).includes(child) ? terminate([child]) : [])];
}

function notYetUp(children: Children): ChildName[] {
  return [...children].filter(([, { is }]) => is === 'starting' || is === 'returning').map(([name]) => name);
}

/** A child ended unasked, and the dyno with it. */
export function crash(state: Phase<'running'>, event: EventOf<'child-exited'>, plan: ServePlan, failures = 0): Step {
  const { child, status, atMs } = event;
  const { children, told } = endOf(state.children, event);
  const startedAtMs = startedAt(state.children, event);
  return stop(children, { kind: 'child-exited', child, status, startedAtMs, atMs, failures }, atMs, plan, [told]);
}

export function signalWhileStopping(state: Phase<'stopping'>, event: EventOf<'signal'>, plan: ServePlan): Step {
  switch (event.signal) {
    case 'SIGTERM': {
      if (!mayBeBroadcast(state.cause) || event.atMs > broadcastOverMs(state.deadlines)) return [state];
      const cause: Cause = { kind: 'signal', signal: 'SIGTERM' };
      return settle({ ...state, cause }, event.atMs, [
        { do: 'tell', fact: { fact: 'broadcast', child: state.cause.child, afterMs: event.atMs - state.cause.atMs } },
      ]);
    }
    case 'SIGINT':
      if (state.interrupts >= 1) return kill(state);
      return [{ ...state, interrupts: state.interrupts + 1 }];
    case 'SIGTTIN':
      return [state, ...handOn(state.children, event.signal, plan)];
    case 'SIGHUP':
    case 'SIGUSR1':
    case 'SIGUSR2':
      return [state];
  }
}

/** One of those that had their TERM has ended. */
export function endedWhileStopping(state: Phase<'stopping'>, event: EventOf<'child-exited'>): Step {
  const { children, told } = endOf(state.children, event);
  const ended = { ...without(state, event.child), children };
  return settle(ended, event.atMs, [told, ...clearAfter(event.child, ended, event.atMs)]);
}

type Ending = Pick<Phase<'stopping'>, 'children' | 'cause' | 'deadlines'>;

/** What a child has left behind may be all its work, behind a start script: it hears of the stop at once, not when the last of
 * the others has ended and the cause is settled, which is the time of the sweep. */
function clearAfter(child: ChildName, state: Ending, atMs: number): Effect[] {
  const isSwept = alive(state.children).length === 0 && !isOpen(state, atMs);
  return isSwept ? [] : [{ do: 'clear-tree', child, killAtMs: state.deadlines.killAtMs }];
}

/** On to the sweep once no child lives and the cause can no longer turn out to be the platform's TERM. */
export function settle(state: Phase<'stopping'>, atMs: number, effects: readonly Effect[] = []): Step {
  return isOpen(state, atMs) ? [state, ...effects] : sweepOnceAllEnded(state, effects);
}

function isOpen({ cause, deadlines }: Ending, atMs: number): boolean {
  return mayBeBroadcast(cause) && atMs < broadcastOverMs(deadlines);
}

/** A third of the time for children is left, however short that is, for what outlived them. */
function broadcastOverMs({ stopAtMs, killAtMs }: Deadlines): number {
  return stopAtMs + Math.min(BROADCAST_WINDOW_MS, Math.floor((2 / 3) * (killAtMs - stopAtMs)));
}

function reason(cause: Cause): string {
  switch (cause.kind) {
    case 'signal':
      return cause.signal;
    case 'child-exited':
      return `${cause.child} ${describeStatus(cause.status)}${cause.failures > 0 ? `, ${ONCE_MORE}` : ''}`;
    case 'not-back':
      return `${cause.child} was recycled and did not come back`;
    case 'never-up':
      return `${cause.child} was not ready in time, ${ONCE_MORE}`;
    case 'memory':
      return cause.why;
  }
}
