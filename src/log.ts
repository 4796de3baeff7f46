import type { Logger } from 'pino';
import { describeFact } from './describe-fact.ts';
import type { Fact } from './facts.ts';
import { pretty } from './pretty.ts';
import { redact } from './plan/redact.ts';

export type LogOptions = {
  format: 'json' | 'pretty';
  level: 'debug' | 'info' | 'warn' | 'error';
  /** Takes one line with its newline; never blocks. */
  write: (line: string) => unknown;
};
export type Log = {
  tell: (fact: Fact) => void;
  /** Resolves when every fact told so far has been written. */
  written(): Promise<void>;
};

/** The one logger: one line per fact. pino is loaded after the first child has started, not before; until then the facts
 * wait, each with its own time. */
export function createLog({ format, level, write }: LogOptions): Log {
  let waiting: { fact: Fact; time: number }[] = [];
  let logger: Logger | null = null;
  const line = format === 'pretty' ? (json: string) => write(pretty(json)) : write;
  const log = (to: Logger, fact: Fact, time: number): void => {
    const { level: loud, message } = describeFact(fact);
    to[loud]({ time, ...fields(fact) }, message);
  };
  const loaded = whenIdle().then(async () => {
    const { default: pino } = await import('pino');
    logger = pino(
      { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
      { write: (json: string) => void line(json) },
    );
    for (const { fact, time } of waiting) log(logger, fact, time);
    waiting = [];
  });
  return {
    tell(fact) {
      if (logger) log(logger, fact, Date.now());
      else waiting.push({ fact, time: Date.now() });
    },
    written: () => loaded,
  };
}

function whenIdle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The fact as fields: errors by their message, nothing that must not be printed. */
function fields(fact: Fact): object {
  return Object.fromEntries(
    Object.entries(fact)
      .filter(([name]) => name !== 'text' && name !== 'reason')
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
