import type { CrashCase, CrashFigures, FloodCase, FloodFigures, StopFigures } from './figures.ts';
import { duration, list, memory, share } from './in-words.ts';
import { failedOf, none, numberOr, timeOr, type Line, type Verdict } from './lines.ts';

/** A sidekiq that is killed itself loses its jobs, and a puma its requests: no supervisor can change that. Neither can it
 * when it is killed itself, and the platform ends the rest. */
export function ofCrash(one: CrashCase, { recoveryLimitMs }: CrashFigures): Line[] {
  const { dyno, child, isFirst, status, recoveredMs, orphans, jobs, requests } = one;
  const of = (what: string): string => `${dyno} ${child} killed: ${what}`;
  const isBack = recoveredMs !== null && recoveredMs < recoveryLimitMs;
  const isExpected = isFirst || child.startsWith('sidekiq');
  return [
    [of('exit status'), status === null ? 'did not end' : `${status}`, 'not 0', verdictOfStatus(status, isBack)],
    [of('all back after'), timeOr(recoveredMs, 'never'), duration(recoveryLimitMs), isBack ? 'good' : 'bad'],
    [of('orphans'), numberOr(orphans), isFirst ? '' : '0', isFirst ? 'note' : none(orphans)],
    [of('jobs lost'), `${jobs.lost}`, isExpected ? '' : '0', isExpected ? 'note' : none(jobs.lost)],
    [of('requests failed'), failedOf(requests), '', 'note'],
  ];
}

/** A dyno that goes on is well when everything is back, as streaming on demand is. */
function verdictOfStatus(status: number | null, isBack: boolean): Verdict {
  if (status === null) return isBack ? 'note' : 'bad';
  return status === 0 ? 'bad' : 'good';
}

export function ofFlood({ dyno, cases }: FloodFigures): Line[] {
  return cases.flatMap((one): Line[] => {
    const of = (what: string): string => `${dyno} ${who(one)}: ${what}`;
    return [
      [of('memory at the peak'), share(one.peakBytes, one.quotaBytes), '', 'note'],
      [of('R14'), `${one.warnings}`, '', 'note'],
      [of('R15'), `${one.kills}`, '0', none(one.kills)],
      [of('survived'), list(one.survived), '', 'note'],
      [of('ended'), list(one.ended), '', 'note'],
      [of('within its quota again'), one.isWellAgain ? 'yes' : 'no', 'yes', one.isWellAgain ? 'good' : 'bad'],
      [of('jobs lost'), `${one.jobs.lost}`, '0', none(one.jobs.lost)],
      [of('requests failed'), failedOf(one.requests), '0', none(one.requests.failed)],
    ];
  });
}

function who({ where, askedBytes }: FloodCase): string {
  return where === 'convert' ? `a convert grows to ${memory(askedBytes)}` : 'sidekiq leaks';
}

/** Whoever waits for its own line to be taken has to be killed, and its jobs with it: what counts is that it ends in time. */
export function ofStop({
  dyno,
  wasFull,
  tookMs,
  stopLimitMs,
  exitTimeouts,
  status,
  orphans,
  jobs,
}: StopFigures): Line[] {
  const isInTime = tookMs !== null && tookMs < stopLimitMs;
  return [
    [`${dyno} its children wait for the reader`, wasFull ? 'yes' : 'no', '', 'note'],
    [`${dyno} ended after`, timeOr(tookMs, 'never'), duration(stopLimitMs), isInTime ? 'good' : 'bad'],
    [`${dyno} exit timeouts`, `${exitTimeouts}`, '0 (R12)', none(exitTimeouts)],
    [`${dyno} exit status`, status === null ? 'none' : `${status}`, '', 'note'],
    // R12 ends all of them at once: who was the last is chance.
    exitTimeouts > 0
      ? [`${dyno} orphans`, numberOr(orphans), '', 'note']
      : [`${dyno} orphans`, numberOr(orphans), '0', none(orphans)],
    [`${dyno} jobs lost`, `${jobs.lost}`, wasFull ? '' : '0', wasFull ? 'note' : none(jobs.lost)],
  ];
}
