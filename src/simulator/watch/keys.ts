import type { Action, FloodTarget, KillSignal } from '../action.ts';
import { bytes } from '../options.ts';
import type { LogPace, View } from '../view.ts';
import { AT_REST, floodBytes, targetsOf, type KeyState, type Target } from './key-state.ts';
import { HELP, placeOf, promptFor } from './key-prompts.ts';
import type { Key } from './terminal-keys.ts';

/** What the keys act on. */
export type Scene = { view: View; pageUrl: string | null };
export type Step = {
  state: KeyState;
  action: Action | { do: 'quit-at-once' } | null;
  /** What the last line asks; null: it shows the dynos. */
  prompt: string | null;
  /** For the last line, for a few seconds. */
  note: string | null;
  /** Lines that stay, above the last one. */
  print: readonly string[];
};

type Move = Partial<Pick<Step, 'state' | 'action' | 'note' | 'print'>>;

const SIGNALS: Readonly<Record<string, KillSignal>> = { enter: 'SIGKILL', k: 'SIGKILL', t: 'SIGTERM', s: 'SIGSEGV' };
const FLOODS: Readonly<Record<string, FloodTarget>> = { p: 'puma', s: 'sidekiq', c: 'convert' };
const PACES: Readonly<Record<string, LogPace>> = { f: 'full', s: 'slow', t: 'stalled' };
/** An amount has no more letters than that. */
const AMOUNT_MOST = 12;

/** What a key does. Every state has an answer to every key; what does not say where it leads, leads back to rest. */
export function next(state: KeyState, key: Key, scene: Scene): Step {
  const move = key === 'ctrl-c' ? quit(state) : moveOf(state, key, scene);
  const after = move.state ?? AT_REST;
  return {
    state: after,
    action: move.action ?? null,
    prompt: promptFor(after),
    note: move.note ?? null,
    print: move.print ?? [],
  };
}

function quit(state: KeyState): Move {
  const action = { do: state.at === 'quitting' ? 'quit-at-once' : 'quit' } as const;
  return { state: { at: 'quitting' }, action };
}

function moveOf(state: KeyState, key: Key, scene: Scene): Move {
  switch (state.at) {
    case 'rest':
      return atRest(key, scene);
    case 'restart': {
      const dyno = chosen(state.dynos, key);
      return dyno === undefined ? {} : { action: { do: 'restart', dyno } };
    }
    case 'crash': {
      const target = chosen(state.targets, key);
      return target === undefined ? {} : { state: { at: 'signal', target } };
    }
    case 'signal':
      return crash(state.target, SIGNALS[key], scene.view);
    case 'flood': {
      const where = FLOODS[key];
      if (where === undefined) return {};
      return {
        state: { at: 'flood-amount', where, usualBytes: floodBytes(scene.view, where), text: '', isWrong: false },
      };
    }
    case 'flood-amount':
    case 'quota':
      return typed(state, key);
    case 'log-reader': {
      const pace = PACES[key];
      return pace === undefined ? {} : { action: { do: 'log-reader', pace } };
    }
    case 'quitting':
      return { state };
  }
}

function atRest(key: Key, { view, pageUrl }: Scene): Move {
  switch (key) {
    case 'd':
      return { action: { do: 'deploy' } };
    case 'r':
      return restart(view.dynos.map(({ name }) => name));
    case 'c': {
      const targets = targetsOf(view);
      return targets.length === 0
        ? { note: 'No process runs that could be crashed.' }
        : { state: { at: 'crash', targets } };
    }
    case 'f':
      return { state: { at: 'flood' } };
    case 's':
      return { action: { do: 'open-stream' } };
    case 'x':
      return { action: { do: 'close-stream' } };
    case 'u':
      return { state: { at: 'quota', nowBytes: view.dynos[0]?.quotaBytes ?? null, text: '', isWrong: false } };
    case 'l':
      return { state: { at: 'log-reader', now: view.logReader } };
    case 'p':
      return pageUrl === null ? { note: 'No page runs: --no-page said so.' } : { print: [`The page: ${pageUrl}`] };
    case '?':
    case 'h':
      return { print: HELP };
    case 'q':
      return quit(AT_REST);
    default:
      return {};
  }
}

function restart(dynos: readonly string[]): Move {
  const [dyno] = dynos;
  if (dyno === undefined) return { note: 'There is no dyno to restart.' };
  return dynos.length === 1 ? { action: { do: 'restart', dyno } } : { state: { at: 'restart', dynos } };
}

function chosen<T>(list: readonly T[], key: Key): T | undefined {
  return list[placeOf(key)];
}

/** Only the process that was shown: its pid may be another's by now. */
function crash(target: Target, signal: KillSignal | undefined, view: View): Move {
  if (signal === undefined) return {};
  const { dyno, run, pid, label } = target;
  const lives = targetsOf(view).some(
    (now) => now.dyno === dyno && now.run === run && now.pid === pid && now.label === label,
  );
  if (!lives) return { note: `${label} (pid ${pid}) has ended meanwhile; nothing was killed.` };
  return { action: { do: 'kill', pid, signal } };
}

function typed(state: Extract<KeyState, { at: 'flood-amount' | 'quota' }>, key: Key): Move {
  if (key === 'enter') return amount(state);
  if (key === 'backspace') return { state: { ...state, text: state.text.slice(0, -1), isWrong: false } };
  if (!/^[\d.kmgib]$/i.test(key)) return {};
  return { state: { ...state, text: (state.text + key).slice(0, AMOUNT_MOST), isWrong: false } };
}

function amount(state: Extract<KeyState, { at: 'flood-amount' | 'quota' }>): Move {
  if (state.text === '' && state.at === 'quota') return {};
  const value = state.text === '' && state.at === 'flood-amount' ? state.usualBytes : bytes(state.text);
  if (value === undefined) return { state: { ...state, isWrong: true } };
  if (state.at === 'quota') return { action: { do: 'quota', bytes: value } };
  return { action: { do: 'flood', where: state.where, bytes: value } };
}
