import type { End } from '../harness/dyno.ts';
import type { Deed, Question, Story } from './story.ts';

/** SUPERVISE_STOP_TIMEOUT of every story. */
export const BUDGET_MS = 3000;
/** What of it is left for children: what lives then is killed. */
export const CHILDREN_MS = BUDGET_MS - 1500;

/** What was seen of a story from outside; times on the monotonic clock, in milliseconds. */
export type TinyRecord = {
  startedAtMs: number;
  endedAtMs: number;
  end: End;
  done: readonly Done[];
  ledger: readonly Entry[];
  /** Everything on stdout that somebody read. */
  output: string;
  /** And on a stderr of its own, which a dyno has where stdout is a socket. */
  apart: string;
  /** Of the supervisor's Node, in words. */
  warnings: readonly string[];
  reader: 'reads' | 'stalls' | 'closed';
  answers: readonly Answer[];
  /** Of this dyno, as it had just ended. */
  processesLeft: readonly Left[];
  filesLeft: readonly string[];
  /** tmp/ should be full, and we may not mount here. */
  isTmpRoomy: boolean;
  /** How late the machine was at most while the story was played. */
  lagMs: number;
};

/** What we did to it; pids: to whom, where that was not the supervisor alone. */
export type Done = { atMs: number; untilMs: number; what: Deed; pids: readonly number[] };

/** What a process wrote of itself: `puma`, `sidekiq.daemon`. */
export type Entry = { name: string; pid: number; atMs: number; what: string };

export type Left = { pid: number; command: string };

/** gave: the whole reply, a broken connection, or neither until long after the dyno's end. */
export type Answer = {
  question: Question;
  id: string;
  askedAtMs: number;
  endedAtMs: number;
  gave: { status: number; isWhole: boolean; isRight: boolean } | 'nothing' | 'no end';
};

const FACT = '{"level"';
/** More than this a pipe may not hold, and what nobody reads may be dropped. */
const UNREAD_BYTES = 30_000;
/** So late, our own reader stalls as well. */
const STANDSTILL_MS = 1000;

/** The last lines had to wait for somebody to read, and nobody did. */
export function isUnread({ stdout }: Story, { reader, output, lagMs }: TinyRecord): boolean {
  const stalls = reader === 'stalls' || (reader === 'reads' && lagMs >= STANDSTILL_MS);
  return stdout !== 'file' && stalls && output.length > UNREAD_BYTES;
}

export function parseLedger(text: string): Entry[] {
  return text.split('\n').flatMap((line): Entry[] => {
    const [, name = '', pid = '', atMs = '', what = ''] = /^(\S+) (\d+) ([\d.]+) (.+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, pid: Number(pid), atMs: Number(atMs), what }];
  });
}

/** Its last word. */
export function tellsEnd({ what }: Entry): boolean {
  return /^(crash|drained) /.test(what);
}

/** Who does the work of another process, behind a start script. */
export function workersIn(entries: readonly Entry[]): Set<number> {
  return new Set(
    entries.flatMap(({ pid, what }) => {
      if (what === 'works') return [pid];
      return what.startsWith('waits-for ') ? [Number(what.slice(10))] : [];
    }),
  );
}

/** What Node had to warn of, which no admin can mend. No child of ours is a Node. */
export function warningsIn(output: string): string[] {
  const lines = output.split('\n').filter((line) => /\(node:\d+\) /.test(line));
  return lines.map((line) => `a warning of Node: ${line.slice(0, 200)}`);
}

/** The lines of the supervisor's own log. Without a prefix one may stand behind half a line of a child that shares its stdout. */
export function factsIn(output: string): { [field: string]: unknown }[] {
  const lines = output.split('\n').map((line) => line.slice(Math.max(0, line.indexOf(FACT))));
  const whole = lines.filter((line) => line.startsWith(FACT) && line.endsWith('}'));
  return whole.map((line) => JSON.parse(line) as { [field: string]: unknown });
}
