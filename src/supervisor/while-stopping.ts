import type { ServePlan } from '../plan/spec.ts';
import { endOf } from './children.ts';
import { drained } from './draining.ts';
import { isOnlyForRunning } from './events.ts';
import { endHelper } from './saving.ts';
import { endedWhileStopping, onceMore, settle, signalWhileStopping } from './stopping.ts';
import type { Event, Phase, Step } from './state.ts';
import { joined, kill, leave, signalWhileSweeping, sweepOnceAllEnded, withLeftovers } from './sweeping.ts';

export function whileStopping(state: Phase<'stopping'>, event: Event, plan: ServePlan): Step {
  if (isOnlyForRunning(event)) return [state];
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

export function whileKilling(state: Phase<'killing'>, event: Event): Step {
  if (isOnlyForRunning(event)) return [state];
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

export function whileSweeping(state: Phase<'sweeping'>, event: Event): Step {
  if (isOnlyForRunning(event)) return [state];
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
