import type { Logger } from 'pino';
import { redact } from '../config/shell-words.ts';
import type { Log, LogEvent } from './events.ts';
import { describeEvent, type Level } from './messages.ts';

export type LoggerOptions = {
  format: 'json' | 'pretty';
  level: Level;
  /** Takes one line with its newline; never blocks. */
  write: (line: string) => unknown;
};
export type EventLog = {
  log: Log;
  /** Resolves when every event logged so far has been written. */
  written(): Promise<void>;
};

/** The one logger: one line per event. pino is loaded after the first child has started, not before; until then the events are
 * kept, each with its own time. */
export function createLogger({ format, level, write }: LoggerOptions): EventLog {
  let early: { event: LogEvent; time: number }[] = [];
  let logger: Logger | null = null;
  const writeLine = format === 'pretty' ? (json: string) => write(pretty(json)) : write;
  const logTo = (to: Logger, event: LogEvent, time: number): void => {
    const message = describeEvent(event);
    to[message.level]({ time, ...fields(event) }, message.text);
  };
  const loaded = new Promise(setImmediate).then(async () => {
    const { default: pino } = await import('pino');
    logger = pino(
      { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
      { write: (json: string) => void writeLine(json) },
    );
    for (const { event, time } of early) logTo(logger, event, time);
    early = [];
  });
  return {
    log(event) {
      if (logger) logTo(logger, event, Date.now());
      else early.push({ event, time: Date.now() });
    },
    written: () => loaded,
  };
}

/** The event as fields: errors by their message, secrets redacted. What is the message itself is left out. */
function fields(event: LogEvent): object {
  const isMessage = (name: string): boolean =>
    name === 'text' || name === 'stack' || (name === 'reason' && event.event === 'outcome');
  return Object.fromEntries(
    Object.entries(event)
      .filter(([name]) => !isMessage(name))
      .map(([name, value]) => [name, field(value)]),
  );
}

function field(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value);
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((word) => redact(String(word)));
  if (typeof value === 'object' && value !== null && 'error' in value && value.error instanceof Error) {
    return { ...value, error: redact(value.error.message) };
  }
  return value;
}

const COLOURS: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  info: '',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

/** A line of JSON log as a person reads it on a terminal: `20:15:03 supervise sidekiq is ready after 6.1 s`. */
export function pretty(json: string): string {
  const { time, level, msg } = JSON.parse(json) as { time: number; level: string; msg: string };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const colour = COLOURS[level] ?? '';
  return `\u001b[36m${clock} supervise\u001b[0m ${colour}${msg}${colour === '' ? '' : '\u001b[0m'}\n`;
}
