import type { ServePlan } from '../plan/spec.ts';
import { handOn, isStop } from './children.ts';
import { isOnlyForStopping } from './events.ts';
import { fall } from './falling.ts';
import { onDemand } from './on-demand.ts';
import { endOver, quietOver, recycle, recycleDue } from './recycling.ts';
import { clear, cleared, returnOver } from './returning.ts';
import { endProcess, save } from './saving.ts';
import { bootOver, ready, startAnyway, unwatched } from './starting.ts';
import { crash, stop } from './stopping.ts';
import type { Event, EventOf, Phase, State, Step } from './state.ts';
import { whileKilling, whileStopping, whileSweeping } from './while-stopping.ts';

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
  if (isOnlyForStopping(event)) return [state];
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
