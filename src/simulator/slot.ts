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
  /** `killed` by the platform unasked, which is a crash; `overdue` when it was to end anyway. */
  phase: 'starting' | 'up' | 'stopping' | 'killed' | 'overdue';
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

export type Next = readonly [Slot, ...SlotEffect[]];
export type Exit = { status: number; left: number };
export function newSlot(name: string, command: string, quotaBytes: number, nowMs: number): Slot {
  const isWeb = name.startsWith('web.');
  const none = { sinceMs: nowMs, crashes: 0, restartsAtMs: null, lives: [], born: 0 };
  return { name, isWeb, command, quotaBytes, state: 'down', ...none };
}

/** A life of the slot that nobody has ended or asked to end. */
export function isCurrent({ phase }: Life): boolean {
  return phase === 'starting' || phase === 'up';
}
