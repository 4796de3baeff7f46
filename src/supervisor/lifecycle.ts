import type { ServePlan } from '../plan/spec.ts';
import { endOf, handOn, isStop } from './children.ts';
import { drained } from './draining.ts';
import { fall } from './falling.ts';
import { onDemand } from './on-demand.ts';
import { endOver, quietOver, recycle, recycleDue } from './recycling.ts';
import { clear, cleared, returnOver } from './returning.ts';
import { endHelper, endProcess, save } from './saving.ts';
import { bootOver, ready, startAnyway, unwatched } from './starting.ts';
import {
  crash,
  endedWhileStopping,
  joined,
  kill,
  leave,
  onceMore,
  settle,
  signalWhileStopping,
  signalWhileSweeping,
  stop,
  sweepOnceAllEnded,
  withLeftovers,
} from './stopping.ts';
import type { Event, EventOf, Phase, State, Step } from './state.ts';

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
      return endedWhileRunning(state, event, plan);
    case 'recycle':
      return recycle(state, event, plan);
    case 'recycle-due':
      return recycleDue(state, event, plan);
    case 'idle':
    case 'drained':
    case 'quiet-over':
      return quietOver(state, event, plan);
    case 'end-over':
      return endOver(state, event);
    case 'return-over':
      return returnOver(state, event, plan);
    case 'unwatched':
      return unwatched(state, event, plan);
    case 'boot-over':
      return bootOver(state, event, plan);
    case 'cleared':
      return cleared(state, event);
    case 'save':
      return save(state, event, plan);
    case 'end-process':
      return [state, ...endProcess(event)];
    case 'wanted':
    case 'unwanted':
    case 'idle-over':
    case 'pause-over':
      return onDemand(state, event, plan);
    case 'signal':
      return signalWhileRunning(state, event, plan);
  }
}

function signalWhileRunning(state: Phase<'running'>, { signal, atMs }: EventOf<'signal'>, plan: ServePlan): Step {
  if (!isStop(signal)) return [state, ...handOn(state.children, signal, plan)];
  return stop(state.children, { kind: 'signal', signal }, atMs, plan);
}

function endedWhileRunning(state: Phase<'running'>, event: EventOf<'child-exited'>, plan: ServePlan): Step {
  const is = state.children.get(event.child)?.is;
  if (is === 'quiet' || is === 'ending' || is === 'killed') return clear(state, event, plan);
  return state.demands.has(event.child) ? fall(state, event, plan) : crash(state, event, plan);
}

function whileStopping(state: Phase<'stopping'>, event: Event, plan: ServePlan): Step {
  if (isOneOf(ONLY_FOR_RUNNING, event)) return [state];
  switch (event.type) {
    case 'child-exited':
      return endedWhileStopping(state, event);
    case 'drained':
    case 'drain-over':
      return drained(state, event);
    case 'heard-over':
      return onceMore(state, event);
    case 'signal':
      return signalWhileStopping(state, event, plan);
    case 'broadcast-over':
      return settle(state, event.atMs);
    case 'cleared':
    case 'killed-all':
      return [withLeftovers(state, event)];
    case 'grace-over':
      return kill(state);
    case 'budget-over':
      return leave(state);
    case 'end-process':
      return [state, ...endHelper(event)];
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
    case 'cleared':
    case 'killed-all':
      return [withLeftovers(state, event)];
    case 'budget-over':
      return leave(state);
    case 'signal':
    case 'broadcast-over':
    case 'grace-over':
    case 'swept':
    case 'end-process':
    case 'drained':
    case 'drain-over':
    case 'heard-over':
      return [state];
  }
}

function whileSweeping(state: Phase<'sweeping'>, event: Event): Step {
  if (isOneOf(ONLY_FOR_RUNNING, event)) return [state];
  switch (event.type) {
    case 'swept': {
      const { children, cause, deadlines } = state;
      return [{ phase: 'done', children, cause, deadlines, leftovers: joined(state.leftovers, event.leftovers) }];
    }
    case 'budget-over':
      return leave(state);
    case 'cleared':
    case 'killed-all':
      return [withLeftovers(state, event)];
    case 'signal':
      return signalWhileSweeping(state, event);
    case 'end-process':
      return [state, ...endHelper(event)];
    case 'child-exited':
    case 'broadcast-over':
    case 'grace-over':
    case 'drained':
    case 'drain-over':
    case 'heard-over':
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
  'end-over',
  'return-over',
  'unwatched',
  'boot-over',
  'save',
  'wanted',
  'unwanted',
  'idle-over',
  'pause-over',
] as const satisfies readonly Event['type'][];

/** These belong to a stop. */
const NOT_WHILE_RUNNING = [
  'broadcast-over',
  'grace-over',
  'budget-over',
  'swept',
  'killed-all',
  'drain-over',
  'heard-over',
] as const satisfies readonly Event['type'][];

function isOneOf<T extends Event['type']>(types: readonly T[], event: Event): event is EventOf<T> {
  return (types as readonly string[]).includes(event.type);
}
