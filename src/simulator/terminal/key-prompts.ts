import type { FloodTarget, LogPace } from '../action.ts';
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
      return `${state.isInvalid ? EXPECTED : `Flood ${where} with how much? Enter: ${mebibytes(defaultBytes)}`} > ${text}`;
    }
    case 'quota': {
      const now = state.nowBytes === null ? '' : ` Now ${mebibytes(state.nowBytes)}`;
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
function lettered(names: readonly string[], from = 0): string {
  const items = names.flatMap((name, place) => {
    const letter = LETTERS[from + place];
    return letter === undefined ? [] : [`${letter} ${name}`];
  });
  return items.join('  ');
}

/** Grouped by dyno if there are several runs. */
function crashList(targets: readonly ProcessTarget[]): string {
  const runs = new Map<string, ProcessTarget[]>();
  for (const target of targets) {
    const run = `${target.dyno} ${target.run}`;
    runs.set(run, [...(runs.get(run) ?? []), target]);
  }
  let from = 0;
  const groups = [...runs.values()].map((run) => {
    const list = lettered(
      run.map(({ label }) => label),
      from,
    );
    from += run.length;
    return { of: run[0], list };
  });
  if (groups.length === 1) return groups[0]?.list ?? '';
  const named = groups.filter(({ list }) => list !== '');
  return named
    .map(({ of, list }) => `${of?.dyno ?? ''}${of?.isDraining === true ? ' (stopping)' : ''}: ${list}`)
    .join('  ');
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}
