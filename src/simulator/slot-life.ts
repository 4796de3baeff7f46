import { isCurrent, type Exit, type Life, type Next, type Slot, type SlotEffect } from './slot.ts';
import type { Rules } from './rules.ts';
import { change, happen } from './slot-words.ts';

export function spawn(slot: Slot, rules: Rules, nowMs: number): Next {
  const id = slot.born + 1;
  const phase = slot.isWeb ? 'starting' : 'up';
  const life: Life = { id, phase, bornMs: nowMs, warnedMs: null };
  const [started, ...said] = change({ ...slot, born: id, lives: [life, ...slot.lives] }, 'starting', nowMs);
  const [up, ...more] = slot.isWeb ? [started] : change(started, 'up', nowMs);
  const bootLate: SlotEffect = { do: 'schedule', event: { kind: 'boot-late', life: id }, afterMs: rules.bootMs };
  return [
    up,
    ...said,
    { do: 'say', text: `Starting process with command \`${slot.command}\`` },
    { do: 'spawn', life: id, command: slot.command },
    ...(slot.isWeb ? [bootLate] : []),
    { do: 'schedule', event: { kind: 'cycle-due', life: id }, afterMs: rules.cycleMs },
    ...more,
  ];
}

/** The old life gets its TERM in the same moment in which the new one starts; both are there for a while. */
export function restart(
  slot: Slot,
  why: 'deploy' | 'by-hand' | 'cycle' | 'resized',
  rules: Rules,
  nowMs: number,
): Next {
  if (slot.state === 'stopping' || slot.state === 'down') return [slot];
  const [ending, ...terms] = endCurrent({ ...slot, crashes: 0, restartsAtMs: null }, rules);
  const [started, ...starts] = spawn(ending, rules, nowMs);
  return [started, { do: 'say', text: why === 'cycle' ? 'Cycling' : 'Restarting' }, ...terms, ...starts];
}

export function stop(slot: Slot, rules: Rules, nowMs: number): Next {
  const [ending, ...terms] = endCurrent({ ...slot, restartsAtMs: null }, rules);
  const [done, ...said] = change(ending, ending.lives.length === 0 ? 'down' : 'stopping', nowMs);
  return [done, ...terms, ...said];
}

const ASKED_TO_END = {
  starting: 'stopping',
  up: 'stopping',
  stopping: 'stopping',
  killed: 'overdue',
  overdue: 'overdue',
} as const;

function endCurrent(slot: Slot, rules: Rules): Next {
  const current = slot.lives.filter(isCurrent);
  const lives = slot.lives.map((life) => ({ ...life, phase: ASKED_TO_END[life.phase] }));
  return [
    { ...slot, lives },
    ...current.flatMap(({ id }): SlotEffect[] => [
      { do: 'say', text: 'Stopping all processes with SIGTERM' },
      { do: 'term', life: id },
      { do: 'schedule', event: { kind: 'stop-late', life: id }, afterMs: rules.stopMs },
    ]),
  ];
}

/** With its first process the whole dyno ends: what is left of it is killed. */
export function exited(slot: Slot, life: Life, { status, left }: Exit, rules: Rules, nowMs: number): Next {
  const rest = { ...slot, lives: slot.lives.filter((one) => one !== life) };
  const told: SlotEffect[] = [
    { do: 'say', text: `Process exited with status ${status}` },
    happen('exit', `exit ${status}`, `${slot.name} exited with status ${status}`, { status, left }),
  ];
  if (slot.state === 'stopping') {
    const [down, ...said] = rest.lives.length === 0 ? change(rest, 'down', nowMs) : [rest];
    return [down, ...told, ...said];
  }
  if (life.phase === 'stopping' || life.phase === 'overdue') return [rest, ...told];
  const [crashed, ...more] = crash(rest, life, rules, nowMs);
  return [crashed, ...told, ...more];
}

/** The first crash in a row is answered by a start at once. A life that lasted longer than the first cool-off begins a new
 * row. */
function crash(slot: Slot, life: Life, rules: Rules, nowMs: number): Next {
  const crashes = nowMs - life.bornMs > rules.coolOffMs ? 1 : slot.crashes + 1;
  const [crashed, ...said] = change({ ...slot, crashes }, 'crashed', nowMs);
  if (crashes === 1) {
    const [started, ...starts] = spawn(crashed, rules, nowMs);
    return [started, ...said, ...starts];
  }
  const afterMs = Math.min(rules.coolOffMs * 2 ** (crashes - 2), rules.coolOffMostMs);
  const cooling: Slot = { ...crashed, state: 'cooling off', restartsAtMs: nowMs + afterMs };
  return [cooling, ...said, { do: 'schedule', event: { kind: 'cooled-off', life: slot.born }, afterMs }];
}
