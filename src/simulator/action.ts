/** A user action on a simulation: from the keyboard, the page or the rehearsal. */
export type Action =
  | { type: 'deploy' }
  | { type: 'restart'; dyno: string }
  | { type: 'kill'; pid: number; signal: KillSignal }
  | { type: 'flood'; where: FloodTarget; bytes: number }
  | { type: 'open-stream' }
  | { type: 'close-stream' }
  | { type: 'quota'; bytes: number }
  | { type: 'log-reader'; pace: LogPace }
  | { type: 'quit' };

/** How fast the platform reads the dynos' output. */
export const LOG_PACES = ['full', 'slow', 'stalled'] as const;
export type LogPace = (typeof LOG_PACES)[number];
const KILL_SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGSEGV'] as const;
export type KillSignal = (typeof KILL_SIGNALS)[number];
/** The process whose memory grows: puma, sidekiq, or a `convert` that a sidekiq job starts. */
const FLOOD_TARGETS = ['puma', 'sidekiq', 'convert'] as const;
export type FloodTarget = (typeof FLOOD_TARGETS)[number];

/** The result of an action, with a text for the user. */
export type Answer = { ok: boolean; text: string };

const WITHOUT_MORE = ['deploy', 'open-stream', 'close-stream', 'quit'] as const;

/** Parses an action from JSON data. Returns an error message when the data is invalid. */
export function parseAction(data: unknown): Action | string {
  if (typeof data !== 'object' || data === null) return 'expected an object';
  const { type, dyno, pid, signal, where, bytes, pace } = data as Record<string, unknown>;
  const plain = WITHOUT_MORE.find((name) => name === type);
  if (plain !== undefined) return { type: plain };
  switch (type) {
    case 'restart':
      return typeof dyno === 'string' ? { type, dyno } : 'restart: expected the name of a dyno';
    case 'kill': {
      const matching = KILL_SIGNALS.find((name) => name === (signal ?? 'SIGKILL'));
      if (matching === undefined) return `kill: expected one of ${KILL_SIGNALS.join(', ')}`;
      return isWhole(pid) && pid > 1 ? { type, pid, signal: matching } : 'kill: expected a pid';
    }
    case 'flood': {
      const target = FLOOD_TARGETS.find((name) => name === where);
      if (target === undefined) return `flood: expected one of ${FLOOD_TARGETS.join(', ')}`;
      return isAmount(bytes)
        ? { type, where: target, bytes }
        : 'flood: expected a number of bytes, from 16 MiB to 1 PiB';
    }
    case 'quota':
      return isAmount(bytes) ? { type, bytes } : 'quota: expected a number of bytes, from 16 MiB to 1 PiB';
    case 'log-reader': {
      const matching = LOG_PACES.find((name) => name === pace);
      return matching === undefined ? `log-reader: expected one of ${LOG_PACES.join(', ')}` : { type, pace: matching };
    }
    default:
      return 'no such action';
  }
}

/** The same range as --quota accepts. */
function isAmount(value: unknown): value is number {
  return isWhole(value) && value >= 2 ** 24 && value <= 2 ** 50;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
