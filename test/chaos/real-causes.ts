import type { RealRecord } from './real-record.ts';
import type { Part, StopSignal } from './real-story.ts';

/** What can have ended a dyno: a signal to the supervisor, or the end of a part. status null: whatever it makes of it. */
export type RealCause =
  | { kind: 'signal'; atMs: number; signal: StopSignal }
  | { kind: 'child'; atMs: number; child: Part; status: number | null };

/** In the order of time. */
export function causesOf({ done }: Pick<RealRecord, 'done'>): RealCause[] {
  const causes = done.flatMap(({ atMs, what, parts }): RealCause[] => {
    if (what.do === 'stop') return [{ kind: 'signal', atMs, signal: what.signal }, ...endsBy(what.signal, parts, atMs)];
    if (what.do !== 'kill' || what.whom === 'supervisor') return [];
    return [{ kind: 'child', atMs, child: what.whom, status: 137 }];
  });
  return causes.sort((one, other) => one.atMs - other.atMs);
}

export function isSupervisorKilled({ end }: Pick<RealRecord, 'end'>): boolean {
  return end.signal === 'SIGKILL';
}

/** When somebody else ended sidekiq so that it could give nothing back: KILL, HUP (which it does not know), a second
 * INT to the supervisor. Infinity: nobody did. */
export function sidekiqHurtAtMs({ done }: Pick<RealRecord, 'done'>): number {
  const times = done.flatMap(({ atMs, what, parts }): number[] => {
    const isHurt =
      (what.do === 'kill' && what.whom === 'sidekiq') ||
      (what.do === 'stop' && what.signal === 'SIGHUP' && parts.includes('sidekiq'));
    return isHurt ? [atMs] : [];
  });
  return Math.min(...times, secondIntAtMs({ done }));
}

/** The same for puma, which a HUP or an INT only makes drain. */
export function pumaHurtAtMs({ done }: Pick<RealRecord, 'done'>): number {
  const kills = done.filter(({ what }) => what.do === 'kill' && what.whom === 'puma').map(({ atMs }) => atMs);
  return Math.min(...kills, secondIntAtMs({ done }));
}

export function secondIntAtMs({ done }: Pick<RealRecord, 'done'>): number {
  const ints = done.filter(({ what }) => what.do === 'stop' && what.signal === 'SIGINT');
  return ints[1]?.atMs ?? Infinity;
}

/** A part that gets TERM itself ends as asked, says docs/termination.md; of INT and HUP it promises nothing. */
function endsBy(signal: StopSignal, parts: readonly Part[], atMs: number): RealCause[] {
  if (signal === 'SIGTERM') return [];
  return parts.map((child) => ({ kind: 'child', atMs, child, status: null }));
}
