import type { Rules } from './rules.ts';
import type { DynoState, Happening } from './view.ts';

/** One place of the formation, `web.1`, and the lives of a dyno in it: the current one first, then those that still drain. */
export type Slot = {
  name: string;
  /** Only a web dyno has to listen on $PORT. */
  isWeb: boolean;
  command: string;
  quotaBytes: number;
  state: DynoState;
  sinceMs: number;
  crashes: number;
  restartsAtMs: number | null;
  lives: readonly Life[];
  /** How many there have been. */
  born: number;
};

export type Life = {
  id: number;
  phase: 'starting' | 'up' | 'stopping' | 'killed';
  bornMs: number;
  /** When R14 was last said; null while it is within its quota. */
  warnedMs: number | null;
};

export type SlotEvent =
  | { kind: 'start' }
  | { kind: 'restart'; why: 'deploy' | 'by-hand' | 'cycle' | 'resized' }
  | { kind: 'changed'; command: string; quotaBytes: number }
  | { kind: 'bound'; life: number }
  /** left: how many processes of it outlived its first one. */
  | { kind: 'exited'; life: number; status: number; left: number }
  | { kind: 'weighed'; life: number; bytes: number }
  | { kind: 'boot-late'; life: number }
  | { kind: 'stop-late'; life: number }
  | { kind: 'cycle-due'; life: number }
  | { kind: 'cooled-off'; life: number }
  | { kind: 'stop' };

export type SlotEffect =
  | { do: 'spawn'; life: number; command: string }
  | { do: 'term'; life: number }
  | { do: 'kill'; life: number }
  | { do: 'schedule'; event: SlotEvent; afterMs: number }
  | { do: 'say'; text: string }
  | { do: 'happen'; what: Omit<Happening, 'atMs' | 'dyno'> };

type Next = readonly [Slot, ...SlotEffect[]];
export type SlotRules = Rules & {
  /** This dyno's own share of the spread, so that not all are restarted at once. */
  cycleExtraMs: number;
};

export function newSlot(name: string, command: string, quotaBytes: number, nowMs: number): Slot {
  const isWeb = name.startsWith('web.');
  const none = { sinceMs: nowMs, crashes: 0, restartsAtMs: null, lives: [], born: 0 };
  return { name, isWeb, command, quotaBytes, state: 'down', ...none };
}

/** What the platform does next with one dyno. An event of a life that is over changes nothing. */
export function next(slot: Slot, event: SlotEvent, rules: SlotRules, nowMs: number): Next {
  switch (event.kind) {
    case 'start':
      return slot.lives.some(isCurrent) ? [slot] : spawn(slot, rules, nowMs);
    case 'restart':
      return restart(slot, event.why, rules, nowMs);
    case 'changed':
      return [{ ...slot, command: event.command, quotaBytes: event.quotaBytes }];
    case 'stop':
      return stop(slot, rules, nowMs);
    case 'cooled-off':
      return slot.state === 'cooling off' && slot.born === event.life ? spawn(slot, rules, nowMs) : [slot];
    default: {
      const life = slot.lives.find(({ id }) => id === event.life);
      return life === undefined ? [slot] : ofLife(slot, life, event, rules, nowMs);
    }
  }
}

type LifeEvent = Extract<SlotEvent, { life: number }>;

function ofLife(slot: Slot, life: Life, event: LifeEvent, rules: SlotRules, nowMs: number): Next {
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
    case 'cooled-off':
      return [slot];
  }
}

/** A life of the slot that nobody has asked to end. */
export function isCurrent({ phase }: Life): boolean {
  return phase === 'starting' || phase === 'up';
}

function spawn(slot: Slot, rules: SlotRules, nowMs: number): Next {
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
function restart(slot: Slot, why: 'deploy' | 'by-hand' | 'cycle' | 'resized', rules: SlotRules, nowMs: number): Next {
  if (slot.state === 'stopping') return [slot];
  const [ending, ...terms] = endCurrent({ ...slot, crashes: 0, restartsAtMs: null }, rules);
  const [started, ...starts] = spawn(ending, rules, nowMs);
  return [started, { do: 'say', text: why === 'cycle' ? 'Cycling' : 'Restarting' }, ...terms, ...starts];
}

function stop(slot: Slot, rules: SlotRules, nowMs: number): Next {
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

type Exit = { status: number; left: number };

/** With its first process the whole dyno ends: what is left of it is killed. */
function exited(slot: Slot, life: Life, { status, left }: Exit, rules: SlotRules, nowMs: number): Next {
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

function weighed(slot: Slot, life: Life, bytes: number, rules: SlotRules, nowMs: number): Next {
  const share = bytes / slot.quotaBytes;
  if (life.phase === 'killed') return [slot];
  if (share >= rules.killAt) {
    const said = [...running(bytes, share), ...code('R15', 'Error R15 (Memory quota vastly exceeded)')];
    return kill(slot, life, said, 'Stopping process with SIGKILL');
  }
  if (share < rules.warnAt) return [life.warnedMs === null ? slot : withLife(slot, { ...life, warnedMs: null })];
  if (life.warnedMs !== null && nowMs - life.warnedMs < rules.warnEveryMs) return [slot];
  const said = [...running(bytes, share), ...code('R14', 'Error R14 (Memory quota exceeded)')];
  const isNew = life.warnedMs === null;
  return [withLife(slot, { ...life, warnedMs: nowMs }), ...said.filter((effect) => isNew || effect.do === 'say')];
}

function kill(slot: Slot, life: Life, said: readonly SlotEffect[], last: string): Next {
  return [
    withLife(slot, { ...life, phase: 'killed' }),
    ...said,
    { do: 'say', text: last },
    { do: 'kill', life: life.id },
  ];
}

function change(slot: Slot, state: DynoState, nowMs: number): Next {
  if (slot.state === state) return [slot];
  const from = slot.state === 'cooling off' ? 'crashed' : slot.state;
  return [
    { ...slot, state, sinceMs: nowMs, restartsAtMs: null },
    { do: 'say', text: `State changed from ${from} to ${state}` },
    happen('state', state, `${slot.name} is ${state}`),
  ];
}

function running(bytes: number, share: number): SlotEffect[] {
  const mebibytes = Math.round(bytes / 2 ** 20);
  return [{ do: 'say', text: `Process running mem=${mebibytes}M(${(share * 100).toFixed(1)}%)` }];
}

function code(mark: string, text: string): SlotEffect[] {
  return [{ do: 'say', text }, happen('error-code', mark, text)];
}

function happen(kind: Happening['kind'], mark: string, text: string, exit?: Exit): SlotEffect {
  return { do: 'happen', what: { kind, mark, text, ...(exit === undefined ? {} : { exit }) } };
}

function bootTimeout({ bootMs }: SlotRules): string {
  return `Error R10 (Boot timeout) -> Web process failed to bind to $PORT within ${inSeconds(bootMs)} of launch`;
}

function exitTimeout({ stopMs }: SlotRules): string {
  return `Error R12 (Exit timeout) -> At least one process failed to exit within ${inSeconds(stopMs)} of SIGTERM`;
}

function inSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} seconds`;
}

function withLife(slot: Slot, life: Life): Slot {
  return { ...slot, lives: slot.lives.map((one) => (one.id === life.id ? life : one)) };
}
