import type { Leftovers } from '../host.ts';
import { living, log, withExit } from './children.ts';
import type { Effect, EventOf, Stopping, Transition } from './state.ts';

type Terminating = Stopping<'terminating'>;
type Killing = Stopping<'killing'>;
type Reaping = Stopping<'reaping'>;

/** SIGKILL for everything. */
export function killEverything(state: Terminating): Transition {
  return reapOnceAllExited({ ...state, step: 'killing' }, [
    { type: 'kill', scope: 'all' },
    log({ event: 'killing', children: living(state.children) }),
  ]);
}

/** Once no child lives: what the children left behind is next. After a SIGKILL for everything, it gets no time. */
export function reapOnceAllExited(state: Terminating | Killing, effects: readonly Effect[]): Transition {
  const { children, deadlines, step } = state;
  if (living(children).length > 0) return [state, ...effects];
  const killAtMs = step === 'killing' ? deadlines.stopAtMs : deadlines.killAtMs;
  return [{ ...state, step: 'reaping' }, ...effects, { type: 'reap', scope: 'all', killAtMs }];
}

export function exitedWhileKilling(state: Killing, event: EventOf<'child-exited'>): Transition {
  const { state: next, logged } = withExit(state, event, true);
  return reapOnceAllExited(next, [logged]);
}

/** What the children left behind gets no more time. */
export function interruptReaping(state: Reaping, { atMs }: EventOf<'second-interrupt'>): Transition {
  return [state, { type: 'reap', scope: 'all', killAtMs: atMs }];
}

/** Nothing is left. */
export function allReaped(state: Reaping, event: EventOf<'reaped'>): Transition {
  if (event.scope !== 'all') return [withLeftovers(state, event)];
  const { children, cause, deadlines, leftovers } = withLeftovers(state, event);
  return [{ phase: 'done', children, cause, deadlines, leftovers }];
}

/** What else had to be ended or killed. Several reports may name the same process. */
export function withLeftovers<S extends Stopping>(state: S, { leftovers }: EventOf<'reaped'>): S {
  return { ...state, leftovers: joined(state.leftovers, leftovers) };
}

/** The time is over: this process exits before the platform kills it, even if a process cannot be ended. */
export function exitNow({ children, cause, deadlines, leftovers }: Stopping): Transition {
  const alive = living(children);
  const killed = alive.length > 0 ? [] : ['a process that escaped'];
  return [
    { phase: 'done', children, cause, deadlines, leftovers: joined(leftovers, { ended: [], killed }) },
    log({ event: 'unkillable', children: [...alive, ...killed] }),
  ];
}

function joined(some: Leftovers, more: Leftovers): Leftovers {
  const killed = [...new Set([...some.killed, ...more.killed])];
  const ended = [...new Set([...some.ended, ...more.ended])].filter((one) => !killed.includes(one));
  return { ended, killed };
}
