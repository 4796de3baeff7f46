import type { ChildName, ServePlan } from '../plan/spec.ts';
import { endOf, handOn, isStop, start, startedAt, starting } from './children.ts';
import { quietOver, recycle, recycleDue, restartOver } from './recycling.ts';
import { clear, cleared, returnOver, unwatched } from './returning.ts';
import { save } from './saving.ts';
import { bootOver, ready, startAnyway } from './starting.ts';
import { kill, leave, settle, signalWhileStopping, stop, sweepOnceAllEnded } from './stopping.ts';
import type { Children, Effect, Event, EventOf, Phase, State, Step } from './state.ts';

export function begin(plan: ServePlan, atMs: number): Step {
  const children: Children = new Map(
    plan.children.map(({ name, start }) => [name, start === 'at-once' ? starting(atMs) : { is: 'waiting' }]),
  );
  const effects = plan.children.flatMap(({ name, start: when }): Effect[] => {
    if (when === 'at-once') return start(name, atMs);
    if ('onDemand' in when) return [];
    return [{ do: 'schedule', event: { type: 'start-over', child: name, atMs: atMs + when.atMostMs } }];
  });
  return [{ phase: 'running', children, recycledAtMs: null }, ...effects];
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
  if (isOneOf(NOT_WHILE_RUNNING, event)) return [state];
  switch (event.type) {
    case 'child-ready':
      return ready(state, event, plan);
    case 'start-over':
      return startAnyway(state, event, plan);
    case 'child-exited':
      return isBeingRecycled(state.children, event.child) ? clear(state, event, plan) : crash(state, event, plan);
    case 'recycle':
      return recycle(state, event, plan);
    case 'recycle-due':
      return recycleDue(state, event, plan);
    case 'idle':
    case 'quiet-over':
      return quietOver(state, event, plan);
    case 'restart-over':
      return restartOver(state, event);
    case 'return-over':
      return returnOver(state, event, plan);
    case 'unwatched':
      return unwatched(state, event);
    case 'boot-over':
      return bootOver(state, event, plan);
    case 'cleared':
      return cleared(state, event);
    case 'save':
      return save(state, event, plan);
    case 'end-process':
      return [state, ...endProcess(event)];
    case 'signal':
      return signalWhileRunning(state, event, plan);
  }
}

function signalWhileRunning(state: Phase<'running'>, { signal, atMs }: EventOf<'signal'>, plan: ServePlan): Step {
  if (!isStop(signal)) return [state, ...handOn(state.children, signal, plan)];
  return stop(state.children, { kind: 'signal', signal }, atMs, plan);
}

function whileStopping(state: Phase<'stopping'>, event: Event, plan: ServePlan): Step {
  if (isOneOf(ONLY_FOR_RUNNING, event)) return [state];
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
    // A helper may be what would have the platform kill those that still drain; a worker drains with the others.
    case 'end-process':
      return event.killAfterMs === null ? [state] : [state, ...endProcess(event)];
    case 'swept':
      return [state];
  }
}

function whileKilling(state: Phase<'killing'>, event: Event): Step {
  if (isOneOf(ONLY_FOR_RUNNING, event)) return [state];
  switch (event.type) {
    case 'child-exited': {
      const { children, told } = endOf(state.children, event, true);
      return sweepOnceAllEnded({ ...state, children }, [told]);
    }
    case 'budget-over':
      return leave(state);
    case 'signal':
    case 'broadcast-over':
    case 'grace-over':
    case 'swept':
    case 'end-process':
      return [state];
  }
}

function whileSweeping(state: Phase<'sweeping'>, event: Event): Step {
  if (isOneOf(ONLY_FOR_RUNNING, event)) return [state];
  switch (event.type) {
    case 'swept': {
      const { children, cause, deadlines } = state;
      return [{ phase: 'done', children, cause, deadlines, leftovers: event.leftovers }];
    }
    case 'budget-over':
      return leave(state);
    case 'child-exited':
    case 'signal':
    case 'broadcast-over':
    case 'grace-over':
    case 'end-process':
      return [state];
  }
}

/** From these nothing follows once a dyno stops: there is no start and no recycle any more, and a recycle that was under way
 * ends as the others do. */
const ONLY_FOR_RUNNING = [
  'child-ready',
  'start-over',
  'recycle',
  'recycle-due',
  'idle',
  'quiet-over',
  'restart-over',
  'return-over',
  'unwatched',
  'boot-over',
  'cleared',
  'save',
  'wanted',
  'unwanted',
  'drained',
] as const satisfies readonly Event['type'][];

/** These belong to a stop. */
const NOT_WHILE_RUNNING = [
  'broadcast-over',
  'grace-over',
  'budget-over',
  'swept',
  'wanted',
  'unwanted',
  'drained',
] as const satisfies readonly Event['type'][];

function isOneOf<T extends Event['type']>(types: readonly T[], event: Event): event is EventOf<T> {
  return (types as readonly string[]).includes(event.type);
}

function crash(state: Phase<'running'>, event: EventOf<'child-exited'>, plan: ServePlan): Step {
  const { child, status, atMs } = event;
  const { children, told } = endOf(state.children, event);
  const startedAtMs = startedAt(state.children, event);
  return stop(children, { kind: 'child-exited', child, status, startedAtMs, atMs }, atMs, plan, [told]);
}

function isBeingRecycled(children: Children, child: ChildName): boolean {
  const is = children.get(child)?.is;
  return is === 'quiet' || is === 'restarting' || is === 'killed';
}

function endProcess({ id, name, killAfterMs, why }: EventOf<'end-process'>): Effect[] {
  return [
    { do: 'end-process', id, killAfterMs },
    { do: 'tell', fact: { fact: 'ending', process: `${name} (pid ${id.pid})`, why, killAfterMs } },
  ];
}
