// The marks and levels of a chart of memory over time.
import type { LogEntry } from '../dyno/dyno.ts';
import type { Level, Mark } from '../report/chart.ts';
import { megabytes } from '../report/format.ts';
import type { UnexpectedExit } from './platform.ts';

/** Text by log event: what the memory guard did. */
const ACTIONS: Record<string, (entry: LogEntry) => string> = {
  terminating: ({ process = '' }) => `${process.split(' ')[0] ?? ''} is ended`,
  'emergency-restart': ({ child = '' }) => `${child} is stopped`,
  'graceful-restart': ({ child = '' }) => `${child} is quieted`,
  restarting: ({ child = '' }) => `${child} is restarted`,
};

/** When the memory guard acted, and when a dyno exited. */
export function timelineMarks(log: readonly LogEntry[], exits: readonly UnexpectedExit[]): Mark[] {
  const actions = log.flatMap((entry) => {
    const text = ACTIONS[entry.event ?? '']?.(entry);
    return text === undefined ? [] : [{ atMs: entry.atMs, text }];
  });
  const ends = exits.map(({ atMs, reason }) => ({
    atMs,
    text: reason === 'R15' ? 'the platform kills it all' : reason,
  }));
  return [...actions, ...ends];
}

/** `suffix`: the text after the bytes of each multiple of the quota. */
export function quotaLevels(quota: number, multiples: Record<string, number>): Level[] {
  return Object.entries(multiples).map(([suffix, multiple]) => {
    const bytes = multiple * quota;
    return { bytes, text: `${megabytes(bytes)}, ${suffix}` };
  });
}
