import type { ServePlan } from '../plan/spec.ts';
import { endOf, handOn, isStop, startedAt, starting } from './children.ts';
import { ready, startAnyway } from './starting.ts';
import { kill, leave, settle, signalWhileStopping, stop, sweepOnceAllEnded } from './stopping.ts';
import type { Children, Effect, Event, Phase, State, Step } from './state.ts';

export function begin(plan: ServePlan, atMs: number): Step {
  const children: Children = new Map(
    plan.children.map(({ name, start }) => [name, start === 'at-once' ? starting(atMs) : { is: 'waiting' }]),
  );
  const effects = plan.children.map(({ name, start }): Effect => {
    if (start === 'at-once') return { do: 'spawn', child: name };
    return { do: 'schedule', event: { type: 'start-over', child: name, atMs: atMs + start.atMostMs } };
  });
  return [{ phase: 'running', children }, ...effects];
}

/** What follows from an event: the one place where a dyno's life is decided. No clock, no process, no state of its own. */
export function next(state: State, event: Event, plan: ServePlan): Step {
  switch (state.phase) {
    case 'running':
      return whileRunning(state, event, plan);
    case 'stopping':
      return whileStopping(state, event, plan);
    case 'killing':
      return whileKilling(state, event);
    case 'sweeping':
      return whileSweeping(state, event);
    case 'done':
      return [state];
  }
}

function whileRunning(state: Phase<'running'>, event: Event, plan: ServePlan): Step {
  switch (event.type) {
    case 'child-ready':
      return ready(state, event, plan);
    case 'start-over':
      return startAnyway(state, event, plan);
    case 'child-exited': {
      const { child, status, atMs } = event;
      const { children, told } = endOf(state.children, event);
      const startedAtMs = startedAt(state.children, event);
      return stop(children, { kind: 'child-exited', child, status, startedAtMs, atMs }, atMs, plan, [told]);
    }
    case 'signal':
      if (!isStop(event.signal)) return [state, ...handOn(state.children, event, event.signal, plan)];
      return stop(state.children, { kind: 'signal', signal: event.signal }, event.atMs, plan);
    case 'broadcast-over':
    case 'grace-over':
    case 'budget-over':
    case 'swept':
      return [state];
  }
}

function whileStopping(state: Phase<'stopping'>, event: Event, plan: ServePlan): Step {
  switch (event.type) {
    case 'child-exited': {
      const { children, told } = endOf(state.children, event);
      return settle({ ...state, children }, event.atMs, [told]);
    }
    case 'signal':
      return signalWhileStopping(state, event, plan);
    case 'broadcast-over':
      return settle(state, event.atMs);
    case 'grace-over':
      return kill(state);
    case 'budget-over':
      return leave(state);
    case 'child-ready':
    case 'start-over':
    case 'swept':
      return [state];
  }
}

function whileKilling(state: Phase<'killing'>, event: Event): Step {
  switch (event.type) {
    case 'child-exited': {
      const { children, told } = endOf(state.children, event, true);
      return sweepOnceAllEnded({ ...state, children }, [told]);
    }
    case 'budget-over':
      return leave(state);
    case 'signal':
    case 'child-ready':
    case 'start-over':
    case 'broadcast-over':
    case 'grace-over':
    case 'swept':
      return [state];
  }
}

function whileSweeping(state: Phase<'sweeping'>, event: Event): Step {
  switch (event.type) {
    case 'swept': {
      const { children, cause, deadlines } = state;
      return [{ phase: 'done', children, cause, deadlines, leftovers: event.leftovers }];
    }
    case 'budget-over':
      return leave(state);
    case 'child-exited':
    case 'signal':
    case 'child-ready':
    case 'start-over':
    case 'broadcast-over':
    case 'grace-over':
      return [state];
  }
}
