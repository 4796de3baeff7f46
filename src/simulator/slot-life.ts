import { isCurrent, type Exit, type Life, type Next, type Slot, type SlotEffect, type SlotRules } from './slot.ts';
import { change, happen } from './slot-words.ts';

export function spawn(slot: Slot, rules: SlotRules, nowMs: number): Next {
  const id = slot.born + 1;
  const phase = slot.isWeb ? 'starting' : 'up';
  const life: Life = { id, phase, bornMs: nowMs, warnedMs: null };
  const [started, ...said] = change({ ...slot, born: id, lives: [life, ...slot.lives] }, 'starting', nowMs);
  const [up, ...more] = slot.isWeb ? [started] : change(started, 'up', nowMs);
  const bootLate: SlotEffect = { do: 'schedule', event: { kind: 'boot-late', life: id }, afterMs: rules.bootMs };
  const cycleMs = rules.cycleMs + rules.cycleExtraMs;
  return [
    up,
    ...said,
    { do: 'say', text: `Starting process with command \`${slot.command}\`` },
    { do: 'spawn', life: id, command: slot.command },
    ...(slot.isWeb ? [bootLate] : []),
    { do: 'schedule', event: { kind: 'cycle-due', life: id }, afterMs: cycleMs },
    ...more,
  ];
}

/** The old life gets its TERM in the same moment in which the new one starts; both are there for a while. */
export function restart(
  slot: Slot,
  why: 'deploy' | 'by-hand' | 'cycle' | 'resized',
  rules: SlotRules,
  nowMs: number,
): Next {
  if (slot.state === 'stopping') return [slot];
  const [ending, ...terms] = endCurrent({ ...slot, crashes: 0, restartsAtMs: null }, rules);
  const [started, ...starts] = spawn(ending, rules, nowMs);
  return [started, { do: 'say', text: why === 'cycle' ? 'Cycling' : 'Restarting' }, ...terms, ...starts];
}

export function stop(slot: Slot, rules: SlotRules, nowMs: number): Next {
  const [ending, ...terms] = endCurrent({ ...slot, restartsAtMs: null }, rules);
  const [done, ...said] = change(ending, ending.lives.length === 0 ? 'down' : 'stopping', nowMs);
  return [done, ...terms, ...said];
}

function endCurrent(slot: Slot, rules: SlotRules): Next {
  const current = slot.lives.filter(isCurrent);
  const lives = slot.lives.map((life): Life => (isCurrent(life) ? { ...life, phase: 'stopping' } : life));
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
export function exited(slot: Slot, life: Life, { status, left }: Exit, rules: SlotRules, nowMs: number): Next {
  const isAsked = life.phase === 'stopping' || (slot.lives[0] !== life && life.phase === 'killed');
  const rest = { ...slot, lives: slot.lives.filter((one) => one !== life) };
  const told: SlotEffect[] = [
    { do: 'say', text: `Process exited with status ${status}` },
    happen('exit', `exit ${status}`, `${slot.name} exited with status ${status}`, { status, left }),
    { do: 'kill', life: life.id },
  ];
  if (slot.state === 'stopping') {
    const [down, ...said] = rest.lives.length === 0 ? change(rest, 'down', nowMs) : [rest];
    return [down, ...told, ...said];
  }
  if (isAsked) return [rest, ...told];
  const [crashed, ...more] = crash(rest, life, rules, nowMs);
  return [crashed, ...told, ...more];
}

/** The first crash in a row is answered by a start at once. A life that lasted longer than the first cool-off begins a new
 * row. */
function crash(slot: Slot, life: Life, rules: SlotRules, nowMs: number): Next {
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
