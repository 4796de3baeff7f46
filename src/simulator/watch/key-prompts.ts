import type { KeyState, Target } from './key-state.ts';

export const HELP: readonly string[] = [
  'Keys:  d deploy         r restart a dyno      c crash a process    f flood the memory',
  '       s open a stream  x close a stream      u change the quota   l slow or stall the log reader',
  '       p the page       q or Ctrl-C quit in good order, Ctrl-C again at once',
];

const LETTERS = '123456789abcdefghijklmnopqrstuvwxyz';
const EXPECTED = 'Expected an amount like 512M or 1G, at least 16M';

/** What the last line asks in this state; null: nothing. */
export function promptFor(state: KeyState): string | null {
  switch (state.at) {
    case 'rest':
      return null;
    case 'restart':
      return `Restart which? ${listed(state.dynos)}`;
    case 'crash':
      return `Crash which? ${crashList(state.targets)}`;
    case 'signal': {
      const { label, pid, dyno } = state.target;
      return `Crash ${label} (pid ${pid}) of ${dyno} by: Enter or k KILL, t TERM, s SEGV`;
    }
    case 'flood':
      return 'Flood the memory of: p puma, s sidekiq, c a convert that a job starts';
    case 'flood-amount': {
      const { where, usualBytes, text } = state;
      return `${state.isWrong ? EXPECTED : `Flood ${where} with how much? Enter: ${mebibytes(usualBytes)}`} > ${text}`;
    }
    case 'quota': {
      const now = state.nowBytes === null ? '' : ` Now ${mebibytes(state.nowBytes)}`;
      return `${state.isWrong ? EXPECTED : `Quota of each dyno?${now}`} > ${state.text}`;
    }
    case 'log-reader':
      return `Log reader (now ${state.now}): f full, s slow, t stalled`;
    case 'quitting':
      return 'Stopping in good order; Ctrl-C again: at once';
  }
}

/** The key for the place in a list; those from the 36th on have none. */
export function placeOf(key: string): number {
  return key.length === 1 ? LETTERS.indexOf(key) : -1;
}

/** `1 web.1  2 worker.1` */
function listed(names: readonly string[], from = 0): string {
  const items = names.flatMap((name, place) => {
    const letter = LETTERS[from + place];
    return letter === undefined ? [] : [`${letter} ${name}`];
  });
  return items.join('  ');
}

/** Under the names of their dynos, where there are several lives. */
function crashList(targets: readonly Target[]): string {
  const lives = new Map<string, Target[]>();
  for (const target of targets) {
    const life = `${target.dyno} ${target.run}`;
    lives.set(life, [...(lives.get(life) ?? []), target]);
  }
  let from = 0;
  const groups = [...lives.values()].map((life) => {
    const list = listed(
      life.map(({ label }) => label),
      from,
    );
    from += life.length;
    return { of: life[0], list };
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
