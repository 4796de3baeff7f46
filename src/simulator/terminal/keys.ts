import type { Action, FloodTarget, KillSignal, LogPace } from '../action.ts';
import { parseBytes } from '../options.ts';
import type { View } from '../simulation.ts';
import type { Key } from './input.ts';
import {
  IDLE,
  defaultFloodBytes,
  HELP,
  type KeyState,
  indexOfKey,
  promptFor,
  type ProcessTarget,
  processTargets,
} from './key-prompts.ts';

/** What the keys act on. */
export type KeyContext = { view: View; pageUrl: string | null };
export type KeyResult = {
  state: KeyState;
  action: Action | { type: 'quit-at-once' } | null;
  /** The question on the last line. null: it shows the status. */
  prompt: string | null;
  /** Shown on the last line for a few seconds. */
  note: string | null;
  /** Lines printed above the last one. */
  print: readonly string[];
};

type KeyEffect = Partial<Pick<KeyResult, 'state' | 'action' | 'note' | 'print'>>;

const SIGNALS: Readonly<Record<string, KillSignal>> = { enter: 'SIGKILL', k: 'SIGKILL', t: 'SIGTERM', s: 'SIGSEGV' };
const FLOODS: Readonly<Record<string, FloodTarget>> = { p: 'puma', s: 'sidekiq', c: 'convert' };
const PACES: Readonly<Record<string, LogPace>> = { f: 'full', s: 'slow', t: 'stalled' };
/** Longer than any valid amount. */
const MAX_AMOUNT_LENGTH = 12;

/** Handles a key. Every mode handles every key; keys without a meaning return to idle. */
export function handleKey(state: KeyState, key: Key, context: KeyContext): KeyResult {
  const move = key === 'ctrl-c' ? quit(state) : effectOf(state, key, context);
  const after = move.state ?? IDLE;
  return {
    state: after,
    action: move.action ?? null,
    prompt: promptFor(after),
    note: move.note ?? null,
    print: move.print ?? [],
  };
}

function quit(state: KeyState): KeyEffect {
  const action = { type: state.mode === 'quitting' ? 'quit-at-once' : 'quit' } as const;
  return { state: { mode: 'quitting' }, action };
}

function effectOf(state: KeyState, key: Key, context: KeyContext): KeyEffect {
  switch (state.mode) {
    case 'idle':
      return handleCommand(key, context);
    case 'restart': {
      const dyno = chosenItem(state.dynos, key);
      return dyno === undefined ? {} : { action: { type: 'restart', dyno } };
    }
    case 'crash': {
      const target = chosenItem(state.targets, key);
      return target === undefined ? {} : { state: { mode: 'signal', target } };
    }
    case 'signal':
      return crash(state.target, SIGNALS[key], context.view);
    case 'flood': {
      const where = FLOODS[key];
      if (where === undefined) return {};
      const defaultBytes = defaultFloodBytes(context.view, where);
      return { state: { mode: 'flood-amount', where, defaultBytes, text: '', isInvalid: false } };
    }
    case 'flood-amount':
    case 'quota':
      return editAmount(state, key);
    case 'log-reader': {
      const pace = PACES[key];
      return pace === undefined ? {} : { action: { type: 'log-reader', pace } };
    }
    case 'quitting':
      return { state };
  }
}

function handleCommand(key: Key, { view, pageUrl }: KeyContext): KeyEffect {
  switch (key) {
    case 'd':
      return { action: { type: 'deploy' } };
    case 'r':
      return restart(view.dynos.map(({ name }) => name));
    case 'c': {
      const targets = processTargets(view);
      return targets.length === 0 ? { note: 'No process is running.' } : { state: { mode: 'crash', targets } };
    }
    case 'f':
      return { state: { mode: 'flood' } };
    case 's':
      return { action: { type: 'open-stream' } };
    case 'x':
      return { action: { type: 'close-stream' } };
    case 'u':
      return { state: { mode: 'quota', nowBytes: view.dynos[0]?.quotaBytes ?? null, text: '', isInvalid: false } };
    case 'l':
      return { state: { mode: 'log-reader', now: view.logReader } };
    case 'p':
      return pageUrl === null ? { note: 'There is no page: --no-page is set.' } : { print: [`The page: ${pageUrl}`] };
    case '?':
    case 'h':
      return { print: HELP };
    case 'q':
      return quit(IDLE);
    default:
      return {};
  }
}

function restart(dynos: readonly string[]): KeyEffect {
  const [dyno] = dynos;
  if (dyno === undefined) return { note: 'There is no dyno to restart.' };
  return dynos.length === 1 ? { action: { type: 'restart', dyno } } : { state: { mode: 'restart', dynos } };
}

function chosenItem<T>(list: readonly T[], key: Key): T | undefined {
  return list[indexOfKey(key)];
}

/** Only kills the process that was shown: its pid may have been reused. */
function crash(target: ProcessTarget, signal: KillSignal | undefined, view: View): KeyEffect {
  if (signal === undefined) return {};
  const { dyno, run, pid, label } = target;
  const isStillRunning = processTargets(view).some(
    (now) => now.dyno === dyno && now.run === run && now.pid === pid && now.label === label,
  );
  if (!isStillRunning) return { note: `${label} (pid ${pid}) has exited in the meantime; nothing was killed.` };
  return { action: { type: 'kill', pid, signal } };
}

function editAmount(state: Extract<KeyState, { mode: 'flood-amount' | 'quota' }>, key: Key): KeyEffect {
  if (key === 'enter') return submitAmount(state);
  if (key === 'backspace') return { state: { ...state, text: state.text.slice(0, -1), isInvalid: false } };
  if (!/^[\d.kmgib]$/i.test(key)) return {};
  return { state: { ...state, text: (state.text + key).slice(0, MAX_AMOUNT_LENGTH), isInvalid: false } };
}

function submitAmount(state: Extract<KeyState, { mode: 'flood-amount' | 'quota' }>): KeyEffect {
  if (state.text === '' && state.mode === 'quota') return {};
  const value = state.text === '' && state.mode === 'flood-amount' ? state.defaultBytes : parseBytes(state.text);
  if (value === undefined) return { state: { ...state, isInvalid: true } };
  if (state.mode === 'quota') return { action: { type: 'quota', bytes: value } };
  return { action: { type: 'flood', where: state.where, bytes: value } };
}
