import type { Rules } from './rules.ts';
import { exited, restart, spawn, stop } from './slot-life.ts';
import { weighed } from './slot-memory.ts';
import { isCurrent, type Life, type Next, type Slot, type SlotEvent } from './slot.ts';
import { bootTimeout, change, code, exitTimeout, kill, withLife } from './slot-words.ts';

/** What the platform does next with one dyno. An event of a life that is over changes nothing. */
export function next(slot: Slot, event: SlotEvent, rules: Rules, nowMs: number): Next {
  if ('life' in event && event.kind !== 'cooled-off') {
    const life = slot.lives.find(({ id }) => id === event.life);
    return life === undefined ? [slot] : ofLife(slot, life, event, rules, nowMs);
  }
  switch (event.kind) {
    case 'start':
      return slot.state === 'down' || slot.state === 'stopping' ? spawn(slot, rules, nowMs) : [slot];
    case 'restart':
      return restart(slot, event.why, rules, nowMs);
    case 'changed':
      return [{ ...slot, command: event.command, quotaBytes: event.quotaBytes }];
    case 'stop':
      return stop(slot, rules, nowMs);
    case 'cooled-off':
      return slot.state === 'cooling off' && slot.born === event.life ? spawn(slot, rules, nowMs) : [slot];
  }
}

type LifeEvent = Exclude<Extract<SlotEvent, { life: number }>, { kind: 'cooled-off' }>;

function ofLife(slot: Slot, life: Life, event: LifeEvent, rules: Rules, nowMs: number): Next {
  switch (event.kind) {
    case 'bound':
      if (life.phase !== 'starting') return [slot];
      return change(withLife(slot, { ...life, phase: 'up' }), 'up', nowMs);
    case 'exited':
      return exited(slot, life, event, rules, nowMs);
    case 'weighed':
      return weighed(slot, life, event.bytes, rules, nowMs);
    case 'boot-late':
      if (life.phase !== 'starting') return [slot];
      return kill(slot, life, code('R10', bootTimeout(rules)), 'Stopping process with SIGKILL');
    case 'stop-late':
      if (life.phase !== 'stopping') return [slot];
      return kill(slot, life, code('R12', exitTimeout(rules)), 'Stopping remaining processes with SIGKILL');
    case 'cycle-due':
      return isCurrent(life) ? restart(slot, 'cycle', rules, nowMs) : [slot];
  }
}
