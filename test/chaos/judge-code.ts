import { endsWithItsTime, firstOf, slackOf, type Cause } from './causes.ts';
import { isFirst, wasKilledByDyno, type Life } from './lives.ts';
import type { TinyRecord } from './record.ts';
import { whoMayRest } from './resting.ts';
import type { Story } from './story.ts';

/** The table of docs/termination.md. */
export function judgeCode(
  story: Story,
  record: TinyRecord,
  lives: readonly Life[],
  possible: readonly Cause[],
): string[] {
  const resting = whoMayRest(story, record, lives, firstOf(possible));
  const codes = new Set(possible.flatMap((cause) => codesOf(cause, record, lives, resting)));
  const { code, signal } = record.end;
  if (code !== null && codes.has(code)) return [];
  return [`exit code ${code ?? signal ?? '?'}, expected ${[...codes].join(' or ')}`];
}

function codesOf(cause: Cause, record: TinyRecord, lives: readonly Life[], resting: ReadonlySet<Life>): number[] {
  if (cause.kind === 'child') return [cause.code];
  if (cause.kind === 'memory') return [75];
  const killed = lives.filter(wasKilledByDyno);
  // Those that may rest may have been killed before there was a reason to stop.
  if (killed.length > 0) return killed.every((life) => resting.has(life)) ? [0, 137] : [137];
  const hurt = lives.filter((life) => isFirst(life) && wasKilledByOthers(life, cause.fromMs - slackOf(record)));
  // A start script is dead of its TERM by then, or not.
  const isFatal = ({ is, ended, killedAtMs }: Life): boolean =>
    is !== 'waiter' && (ended === null || ended.byKill || ended.atMs > (killedAtMs ?? 0));
  if (hurt.some((life) => !resting.has(life) && isFatal(life))) return [137];
  const isLate = lives.some((life) => endsWithItsTime(life, cause, record));
  return hurt.length > 0 || isLate || isAnyoneBeingBorn(record) ? [0, 137] : [0];
}

/** A child that drains and is killed has lost its jobs, whoever did it. */
function wasKilledByOthers({ ended, killedAtMs }: Life, sinceMs: number): boolean {
  return (killedAtMs !== null && killedAtMs > sinceMs) || (ended?.byKill === true && ended.atMs > sinceMs);
}

/** A daemon that was forked and has not written a word can have been killed. */
function isAnyoneBeingBorn({ ledger }: TinyRecord): boolean {
  const count = (test: (entry: TinyRecord['ledger'][number]) => boolean): number => ledger.filter(test).length;
  const forks = count(({ what }) => what === 'forks');
  return forks > count(({ name, what }) => name.endsWith('.daemon') && what === 'start');
}
