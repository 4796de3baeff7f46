import { constants } from 'node:os';
import { slackOf } from './causes.ts';
import { possiblySecond } from './interrupts.ts';
import { CHILDREN_MS, type Done, type RealRecord } from './real-record.ts';
import type { Part, StopSignal } from './real-story.ts';

/** Who is let go later has no time left to drain. */
const THAW_MOST_MS = CHILDREN_MS - 2000;

/** A puma in cluster mode or with Rails whose first words find no reader ends by SIGPIPE, whoever starts it; any other goes on. */
const BROKEN_PIPE = 141;

/** What can have ended a dyno: a signal to the supervisor, or the end of a part. statuses: what it can make of it. mayBeAsked: it may have
 * ended as TERM makes it. */
export type RealCause =
  | { kind: 'signal'; atMs: number; signal: StopSignal }
  | { kind: 'child'; atMs: number; child: Part; statuses: readonly number[]; mayBeAsked: boolean };

type Seen = Pick<RealRecord, 'done' | 'ledger' | 'end' | 'lagMs'>;

/** In the order of time. */
export function causesOf({ done, ledger, end }: Seen): RealCause[] {
  const deeds = done.flatMap(({ atMs, what, parts, goneAtMs }): RealCause[] => {
    if (what.do === 'stop') return [{ kind: 'signal', atMs, signal: what.signal }, ...endsBy(what.signal, parts, atMs)];
    if (what.do === 'tell') return parts.flatMap((child) => endsAlone(what.signal, child, goneAtMs));
    if (what.do === 'close' && end.code === BROKEN_PIPE) {
      return [{ kind: 'child', atMs, child: 'puma', statuses: [BROKEN_PIPE], mayBeAsked: false }];
    }
    if (what.do !== 'kill' || what.whom === 'supervisor') return [];
    return [{ kind: 'child', atMs, child: what.whom, statuses: [137], mayBeAsked: false }];
  });
  return [...deeds, ...endsIn(ledger)].sort((one, other) => one.atMs - other.atMs);
}

export function isSupervisorKilled({ end }: Pick<RealRecord, 'end'>): boolean {
  return end.signal === 'SIGKILL';
}

/** When somebody else ended sidekiq so that it could give nothing back: KILL, HUP (which it does not know), a second
 * INT to the supervisor, or STOP after its TERM. Infinity: nobody did. */
export function sidekiqHurtAtMs({ done, ledger, end, lagMs }: Seen): number {
  const times = done.flatMap(({ atMs, what, parts }): number[] => {
    const isHurt = what.do === 'kill' || ('signal' in what && what.signal === 'SIGHUP');
    return isHurt && parts.includes('sidekiq') ? [atMs] : [];
  });
  return Math.min(...times, secondIntAtMs({ done, lagMs }), frozenAtMs({ done, ledger, end, lagMs }, 'sidekiq'));
}

/** The same for puma, which a HUP or an INT only makes drain. */
export function pumaHurtAtMs({ done, ledger, end, lagMs }: Seen): number {
  const kills = done.filter(({ what }) => what.do === 'kill' && what.whom === 'puma').map(({ atMs }) => atMs);
  return Math.min(...kills, secondIntAtMs({ done, lagMs }), frozenAtMs({ done, ledger, end, lagMs }, 'puma'));
}

/** When a part was stopped by STOP after the CONT that follows its TERM, and for the rest of its time. */
export function frozenAtMs({ done, ledger, end, lagMs }: Seen, part: Part): number {
  const stopMs = causesOf({ done, ledger, end, lagMs })[0]?.atMs ?? Infinity;
  const deeds = done.filter(({ what }) => (what.do === 'freeze' || what.do === 'thaw') && what.whom === part);
  const inTime = deeds.filter(({ atMs }) => atMs < stopMs + THAW_MOST_MS);
  const last = inTime.at(-1);
  return last?.what.do === 'freeze' && last.untilMs > stopMs ? last.atMs : Infinity;
}

/** Infinity: no INT can have been the second, and not a copy of the first. */
export function secondIntAtMs(record: Pick<RealRecord, 'done' | 'lagMs'>): number {
  return possiblySecond(intsIn(record), slackOf(record))[0]?.atMs ?? Infinity;
}

export function intsIn({ done }: Pick<RealRecord, 'done'>): Done[] {
  return done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT');
}

/** A part that gets TERM itself ends as asked, says docs/termination.md. Of INT and HUP it promises nothing: it drains and
 * ends with 0 or 1, or dies of them. Where that is heard of before the signal to us, it ended unasked. */
function endsBy(signal: StopSignal, parts: readonly Part[], atMs: number): RealCause[] {
  if (signal === 'SIGTERM') return [];
  return parts.map((child) => endOnSignal(child, atMs, signal));
}

/** A part that was told to end, and no other: unasked when it has ended, and code 0 is told as 1. */
function endsAlone(signal: NodeJS.Signals, child: Part, goneAtMs: number | null): RealCause[] {
  return goneAtMs === null ? [] : [endOnSignal(child, goneAtMs, signal)];
}

function endOnSignal(child: Part, atMs: number, signal: NodeJS.Signals): RealCause {
  const mayBeAsked = signal !== 'SIGHUP' || child !== 'sidekiq'; // which does not know it
  return { kind: 'child', atMs, child, statuses: [1, 128 + constants.signals[signal]], mayBeAsked };
}

/** Sidekiq ends with 1 where Redis is away while it boots. Asked, it ends with 0. */
function endsIn(ledger: RealRecord['ledger']): RealCause[] {
  return ledger.flatMap(({ kind, what, atMs }): RealCause[] => {
    const status = Number(what.slice('code'.length));
    if (kind !== 'end' || status === 0) return [];
    return [{ kind: 'child', atMs, child: 'sidekiq', statuses: [status], mayBeAsked: false }];
  });
}
