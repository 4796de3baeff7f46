import type { LogPace } from './view.ts';

/** What a person can do to a simulation; the keys, the page and the rehearsal say it in these words. */
export type Action =
  | { do: 'deploy' }
  | { do: 'restart'; dyno: string }
  | { do: 'kill'; pid: number; signal: KillSignal }
  | { do: 'flood'; where: FloodTarget; bytes: number }
  | { do: 'open-stream' }
  | { do: 'close-stream' }
  | { do: 'quota'; bytes: number }
  | { do: 'log-reader'; pace: LogPace }
  | { do: 'quit' };

export type KillSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSEGV';
/** Who takes so much memory: puma, sidekiq, or a `convert` that a job of sidekiq starts. */
export type FloodTarget = 'puma' | 'sidekiq' | 'convert';

/** What came of it, in words for the person who asked. */
export type Answer = { ok: boolean; text: string };

const KILL_SIGNALS: readonly KillSignal[] = ['SIGKILL', 'SIGTERM', 'SIGSEGV'];
const FLOOD_TARGETS: readonly FloodTarget[] = ['puma', 'sidekiq', 'convert'];
const PACES: readonly LogPace[] = ['full', 'slow', 'stalled'];
const WITHOUT_MORE = ['deploy', 'open-stream', 'close-stream', 'quit'] as const;

/** Data from outside to an action; text that says what is wrong with it. */
export function parseAction(data: unknown): Action | string {
  if (typeof data !== 'object' || data === null) return 'expected an object';
  const { do: verb, dyno, pid, signal, where, bytes, pace } = data as Record<string, unknown>;
  const plain = WITHOUT_MORE.find((name) => name === verb);
  if (plain !== undefined) return { do: plain };
  switch (verb) {
    case 'restart':
      return typeof dyno === 'string' ? { do: verb, dyno } : 'restart: expected the name of a dyno';
    case 'kill': {
      const known = KILL_SIGNALS.find((name) => name === (signal ?? 'SIGKILL'));
      if (known === undefined) return `kill: expected one of ${KILL_SIGNALS.join(', ')}`;
      return isWhole(pid) && pid > 1 ? { do: verb, pid, signal: known } : 'kill: expected a pid';
    }
    case 'flood': {
      const target = FLOOD_TARGETS.find((name) => name === where);
      if (target === undefined) return `flood: expected one of ${FLOOD_TARGETS.join(', ')}`;
      return isAmount(bytes)
        ? { do: verb, where: target, bytes }
        : 'flood: expected a number of bytes, from 16 MiB to 1 PiB';
    }
    case 'quota':
      return isAmount(bytes) ? { do: verb, bytes } : 'quota: expected a number of bytes, from 16 MiB to 1 PiB';
    case 'log-reader': {
      const known = PACES.find((name) => name === pace);
      return known === undefined ? `log-reader: expected one of ${PACES.join(', ')}` : { do: verb, pace: known };
    }
    default:
      return 'no such action';
  }
}

/** As many as --quota takes. */
function isAmount(value: unknown): value is number {
  return isWhole(value) && value >= 2 ** 24 && value <= 2 ** 50;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
