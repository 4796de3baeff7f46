import { constants } from 'node:os';
import { tellsEnd, workersIn, type Entry, type TinyRecord } from './record.ts';
import { CHILD_NAMES, type ChildName } from './story.ts';

/** A process of the dyno, as it told of itself and as we treated it. */
export type Life = {
  pid: number;
  child: ChildName;
  /** waiter: the first process of a child whose work is done in another session; worker: that other process. */
  is: 'leader' | 'waiter' | 'worker' | 'daemon' | 'heir';
  startedAtMs: number;
  upAtMs: number | null;
  /** Every TERM that it heard of. */
  termsAtMs: readonly number[];
  /** Those of them that we sent to it alone. */
  toldAtMs: readonly number[];
  ended: { atMs: number; unasked: boolean; status: number; byKill: boolean } | null;
  /** By us. */
  killedAtMs: number | null;
  frozenAtMs: readonly number[];
  /** When the dyno had ended; who writes its first word after that was. */
  isLeft: boolean;
};

/** Every process that lived to say so. */
export function livesOf({ ledger, done, processesLeft, endedAtMs }: TinyRecord): Life[] {
  const workers = workersIn(ledger);
  const first = ledger.filter(({ what }) => what === 'start' || what.startsWith('waits-for '));
  return first.map((entry) => {
    const own = ledger.filter(({ pid }) => pid === entry.pid);
    const at = (what: string): number | null => own.find((one) => one.what === what)?.atMs ?? null;
    const dealt = (how: string): number[] =>
      done.filter(({ what, pids }) => what.do === how && pids.includes(entry.pid)).map(({ atMs }) => atMs);
    const told = done.filter(({ what }) => what.do === 'tell' && what.signal === 'SIGTERM');
    return {
      ...{ pid: entry.pid, child: childOf(entry), is: kindOf(entry, workers), startedAtMs: entry.atMs },
      ...{ upAtMs: at('up'), ended: endIn(own) },
      termsAtMs: own.filter(({ what }) => what === 'TERM').map(({ atMs }) => atMs),
      toldAtMs: told.filter(({ pids }) => pids.includes(entry.pid)).map(({ atMs }) => atMs),
      ...{ killedAtMs: dealt('kill')[0] ?? null, frozenAtMs: dealt('freeze') },
      isLeft: entry.atMs > endedAtMs || processesLeft.some(({ pid }) => pid === entry.pid),
    };
  });
}

/** The first process of a child, whose end is the child's. */
export function isFirst({ is }: Life): boolean {
  return is === 'leader' || is === 'waiter';
}

/** When the dyno asked it first. Of one that we told too only what it heard since there was a reason counts; a TERM of ours may be
 * among that. */
export function askedAtMs({ termsAtMs, toldAtMs }: Life, sinceMs: number): number | null {
  const terms = toldAtMs.length === 0 ? termsAtMs : termsAtMs.filter((atMs) => atMs >= sinceMs - 1);
  return terms[0] ?? null;
}

/** By itself, or of a TERM of ours, which was the first that it heard. */
export function endsUnasked({ ended, termsAtMs, toldAtMs }: Life): boolean {
  return ended !== null && (ended.unasked || (toldAtMs[0] ?? Infinity) < (termsAtMs[0] ?? 0));
}

/** Nothing but a KILL that was not ours ends a process that has told nothing of its end; a waiter dies of its TERM. */
export function wasKilledByDyno({ is, ended, killedAtMs, isLeft }: Life): boolean {
  return !isLeft && is !== 'waiter' && ended === null && killedAtMs === null;
}

function kindOf({ name, pid, what }: Entry, workers: ReadonlySet<number>): Life['is'] {
  if (name.endsWith('.heir')) return 'heir';
  if (name.endsWith('.daemon')) return 'daemon';
  if (what !== 'start') return 'waiter';
  return workers.has(pid) ? 'worker' : 'leader';
}

function childOf({ name }: Entry): ChildName {
  return CHILD_NAMES.find((child) => name.startsWith(child)) ?? 'puma';
}

function endIn(own: readonly Entry[]): Life['ended'] {
  const last = own.find(tellsEnd);
  if (last === undefined) return null;
  const [why, how = ''] = last.what.split(' ');
  const status = how.startsWith('SIG') ? 128 + constants.signals[how as NodeJS.Signals] : Number(how);
  return { atMs: last.atMs, unasked: why === 'crash', status, byKill: how === 'SIGKILL' };
}
