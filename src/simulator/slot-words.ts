import type { Rules } from './rules.ts';
import type { Exit, Life, Next, Slot, SlotEffect } from './slot.ts';
import type { DynoState, Happening } from './view.ts';

export function kill(slot: Slot, life: Life, said: readonly SlotEffect[], last: string): Next {
  return [
    withLife(slot, { ...life, phase: life.phase === 'stopping' ? 'overdue' : 'killed' }),
    ...said,
    { do: 'say', text: last },
    { do: 'kill', life: life.id },
  ];
}

export function change(slot: Slot, state: DynoState, nowMs: number): Next {
  if (slot.state === state) return [slot];
  const from = slot.state === 'cooling off' ? 'crashed' : slot.state;
  return [
    { ...slot, state, sinceMs: nowMs, restartsAtMs: null },
    { do: 'say', text: `State changed from ${from} to ${state}` },
    happen('state', state, `${slot.name} is ${state}`),
  ];
}

export function code(mark: string, text: string): SlotEffect[] {
  return [{ do: 'say', text }, happen('error-code', mark, text)];
}

export function happen(kind: Happening['kind'], mark: string, text: string, exit?: Exit): SlotEffect {
  return { do: 'happen', what: { kind, mark, text, ...(exit === undefined ? {} : { exit }) } };
}

export function bootTimeout({ bootMs }: Rules): string {
  return `Error R10 (Boot timeout) -> Web process failed to bind to $PORT within ${inSeconds(bootMs)} of launch`;
}

export function exitTimeout({ stopMs }: Rules): string {
  return `Error R12 (Exit timeout) -> At least one process failed to exit within ${inSeconds(stopMs)} of SIGTERM`;
}

function inSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} seconds`;
}

export function withLife(slot: Slot, life: Life): Slot {
  return { ...slot, lives: slot.lives.map((one) => (one.id === life.id ? life : one)) };
}
