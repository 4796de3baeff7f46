import type { FloodTarget, LogPace } from '../action.ts';
import { formatMemory } from '../platform/rules.ts';
import type { View } from '../simulation.ts';

/** What the keys currently do: idle, or answering a prompt. A prompt keeps the options it showed, so that an answer
 * means exactly those. */
export type KeyState =
  | { mode: 'idle' }
  | { mode: 'restart'; dynos: readonly string[] }
  | { mode: 'crash'; targets: readonly ProcessTarget[] }
  | { mode: 'signal'; target: ProcessTarget }
  | { mode: 'flood' }
  | { mode: 'flood-amount'; where: FloodTarget; defaultBytes: number; text: string; isInvalid: boolean }
  | { mode: 'quota'; nowBytes: number | null; text: string; isInvalid: boolean }
  | { mode: 'log-reader'; now: LogPace }
  | { mode: 'quitting' };

/** A process of a certain run of a dyno. */
export type ProcessTarget = { dyno: string; run: number; isDraining: boolean; pid: number; label: string };

export const IDLE: KeyState = { mode: 'idle' };

export function processTargets(view: View): ProcessTarget[] {
  return view.dynos.flatMap(({ name, runs }) =>
    runs.flatMap(({ id, phase, processes }) =>
      processes.map(({ pid, label }) => ({ dyno: name, run: id, isDraining: phase === 'stopping', pid, label })),
    ),
  );
}

const MIB = 2 ** 20;
const MIN_FLOOD_BYTES = 64 * MIB;

/** The amount that takes the dyno 10 % over its quota, in steps of 16 MiB. */
export function defaultFloodBytes(view: View, where: FloodTarget): number {
  const part = where === 'puma' ? 'puma' : 'sidekiq'; // a sidekiq job starts the convert
  const holds = view.dynos.find(({ runs }) => runs[0]?.processes.some(({ label }) => label.startsWith(part)));
  const dyno = holds ?? view.dynos[0];
  const missing = (dyno?.quotaBytes ?? 0) * 1.1 - (dyno?.runs[0]?.bytes ?? 0);
  return Math.ceil(Math.max(missing, MIN_FLOOD_BYTES) / (16 * MIB)) * 16 * MIB;
}

export const HELP: readonly string[] = [
  'Keys:  d deploy         r restart a dyno      c crash a process    f flood the memory',
  '       s open a stream  x close a stream      u change the quota   l slow or stall the log reader',
  '       p the page       q or Ctrl-C stop gracefully, Ctrl-C again at once',
];

const LETTERS = '123456789abcdefghijklmnopqrstuvwxyz';
const EXPECTED = 'Expected an amount like 512M or 1G, at least 16M';

/** The question on the last line, or null. */
export function promptFor(state: KeyState): string | null {
  switch (state.mode) {
    case 'idle':
      return null;
    case 'restart':
      return `Restart which? ${lettered(state.dynos)}`;
    case 'crash':
      return `Crash which? ${crashList(state.targets)}`;
    case 'signal': {
      const { label, pid, dyno } = state.target;
      return `Kill ${label} (pid ${pid}) of ${dyno} with: Enter or k KILL, t TERM, s SEGV`;
    }
    case 'flood':
      return 'Flood the memory of: p puma, s sidekiq, c a convert that a job starts';
    case 'flood-amount': {
      const { where, defaultBytes, text } = state;
      return `${state.isInvalid ? EXPECTED : `Flood ${where} with how much? Enter: ${formatMemory(defaultBytes)}`} > ${text}`;
    }
    case 'quota': {
      const now = state.nowBytes === null ? '' : ` Now ${formatMemory(state.nowBytes)}`;
      return `${state.isInvalid ? EXPECTED : `Quota of each dyno?${now}`} > ${state.text}`;
    }
    case 'log-reader':
      return `Log reader (now ${state.now}): f full, s slow, t stalled`;
    case 'quitting':
      return 'Stopping gracefully; press Ctrl-C again to kill';
  }
}

/** The list index for a key. Items from the 36th on have no key. */
export function indexOfKey(key: string): number {
  return key.length === 1 ? LETTERS.indexOf(key) : -1;
}

/** `1 web.1  2 worker.1` */
function lettered(names: readonly string[]): string {
  return names
    .slice(0, LETTERS.length)
    .map((name, index) => `${LETTERS[index] ?? ''} ${name}`)
    .join('  ');
}

/** If there are several runs, the first process of each is preceded by its dyno. */
function crashList(targets: readonly ProcessTarget[]): string {
  const isSameRun = (one?: ProcessTarget, other?: ProcessTarget): boolean =>
    one?.dyno === other?.dyno && one?.run === other?.run;
  const hasSeveralRuns = !targets.every((target) => isSameRun(target, targets[0]));
  return targets
    .slice(0, LETTERS.length)
    .map((target, index) => {
      const item = `${LETTERS[index] ?? ''} ${target.label}`;
      if (!hasSeveralRuns || isSameRun(target, targets[index - 1])) return item;
      return `${target.dyno}${target.isDraining ? ' (stopping)' : ''}: ${item}`;
    })
    .join('  ');
}
