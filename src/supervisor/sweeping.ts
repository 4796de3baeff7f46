import type { Leftovers } from '../host/host.ts';
import { alive } from './children.ts';
import type { Effect, EventOf, Phase, Step } from './state.ts';

/** Once no child lives: what the children left behind is next. */
export function sweepOnceAllEnded(state: Phase<'stopping' | 'killing'>, effects: readonly Effect[]): Step {
  const { children, cause, deadlines, leftovers } = state;
  if (alive(children).length > 0) return [state, ...effects];
  const interrupts = state.phase === 'stopping' ? state.interrupts : 1;
  const sweep: Effect = { do: 'sweep', untilMs: state.phase === 'stopping' ? deadlines.killAtMs : deadlines.stopAtMs };
  return [{ phase: 'sweeping', children, cause, deadlines, interrupts, leftovers }, ...effects, sweep];
}

export function kill(state: Phase<'stopping'>): Step {
  const { children, cause, deadlines, leftovers } = state;
  return sweepOnceAllEnded({ phase: 'killing', children, cause, deadlines, leftovers }, [
    { do: 'kill-all' },
    { do: 'tell', fact: { fact: 'killing', children: alive(children) } },
  ]);
}

/** A second SIGINT does not wait for what the children left behind. */
export function signalWhileSweeping(state: Phase<'sweeping'>, { signal, atMs }: EventOf<'signal'>): Step {
  if (signal !== 'SIGINT') return [state];
  const interrupts = state.interrupts + 1;
  return [{ ...state, interrupts }, ...(interrupts === 2 ? [{ do: 'sweep', untilMs: atMs } as const] : [])];
}

/** The budget is over: we go before the platform ends us, even if a process cannot be ended. */
export function leave(state: Phase<'stopping' | 'killing' | 'sweeping'>): Step {
  const { children, cause, deadlines } = state;
  const living = alive(children);
  const killed = living.length > 0 ? [] : ['a process that escaped'];
  return [
    { phase: 'done', children, cause, deadlines, leftovers: joined(state.leftovers, { ended: [], killed }) },
    { do: 'tell', fact: { fact: 'left-behind', children: [...living, ...killed] } },
  ];
}

/** What else had to be ended or killed. The sweep may have seen the same ones. */
export function withLeftovers<S extends Phase<'stopping' | 'killing' | 'sweeping'>>(
  state: S,
  { leftovers }: EventOf<'cleared' | 'killed-all'>,
): S {
  return { ...state, leftovers: joined(state.leftovers, leftovers) };
}

export function joined(some: Leftovers, more: Leftovers): Leftovers {
  const killed = [...new Set([...some.killed, ...more.killed])];
  const ended = [...new Set([...some.ended, ...more.ended])].filter((one) => !killed.includes(one));
  return { ended, killed };
}
