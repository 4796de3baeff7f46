import type { End } from '../harness/dyno.ts';
import type { Part, RealDeed } from './real-story.ts';

/** SUPERVISE_STOP_TIMEOUT of every story. */
export const BUDGET_MS = 8000;
/** What of it is left for children: what lives then is killed. */
export const CHILDREN_MS = BUDGET_MS - 1500;
/** Sidekiq's `-t` in that budget: then it gives unfinished jobs back. */
export const GIVE_BACK_MS = 3000;
export const SIDEKIQ_THREADS = 3;

/** What was seen of a story from outside; times on the monotonic clock, in milliseconds. */
export type RealRecord = {
  startedAtMs: number;
  endedAtMs: number;
  end: End;
  done: readonly Done[];
  facts: readonly { [field: string]: unknown }[];
  /** Of the supervisor's Node, in words. */
  warnings: readonly string[];
  reader: 'reads' | 'stalls' | 'closed';
  /** Put into a queue with success. */
  enqueued: readonly { jid: string; atMs: number; lastsMs: number }[];
  /** In a queue or a set of Redis after the end, once for each time. */
  waiting: readonly string[];
  visits: readonly Visit[];
  ledger: readonly Entry[];
  /** Of this dyno, as it had just ended; of one whose supervisor was killed, when it had its time to drain. */
  processesLeft: readonly { what: string; bornAtMs: number }[];
  filesLeft: readonly string[];
  /** How late the machine was at most while the story was played. */
  lagMs: number;
};

/** What we did to it, from when to when, and to which processes, where it was not to the supervisor alone. goneAtMs: of a part
 * that was told to end, when it was last seen before its end; null where it outlived the dyno. */
export type Done = { atMs: number; untilMs: number; what: RealDeed; parts: readonly Part[]; goneAtMs: number | null };

/** What a job, a request or sidekiq wrote of itself. */
export type Entry = {
  kind: 'job' | 'ask' | 'end';
  id: string;
  what: 'started' | 'stopped' | 'finished' | 'begun' | 'given' | `code${number}`;
  pid: number;
  atMs: number;
};

/** gave: a reply that came to its end, a broken connection, or neither until long after the dyno's end. */
export type Visit = {
  id: string;
  lastsMs: number;
  askedAtMs: number;
  endedAtMs: number;
  gave: { status: number; isRight: boolean } | 'nothing' | 'no end';
};

export function parseLedger(text: string): Entry[] {
  return text.split('\n').flatMap((line): Entry[] => {
    const [, kind, id = '', what, pid, atMs] = /^(\w+) (\w+) (\w+) (\d+) ([\d.]+)$/.exec(line) ?? [];
    return id === '' ? [] : [{ kind, id, what, pid: Number(pid), atMs: Number(atMs) } as Entry];
  });
}
