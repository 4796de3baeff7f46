import {
  formatDuration,
  formatList,
  formatMemory,
  formatShare,
  type CrashCase,
  type CrashFigures,
  type FloodCase,
  type FloodFigures,
  type JobFigures,
  type RequestFigures,
  type StopFigures,
} from './figures.ts';

/** `note`: for information, neither good nor bad. */
export type Verdict = 'good' | 'bad' | 'note';
/** A row of the table without its scenario. */
export type VerdictRow = readonly [what: string, figure: string, limit: string, verdict: Verdict];

export function failedRequestsRow(requests: RequestFigures): VerdictRow {
  if (requests.sent === 0) return ['requests failed', 'no web dyno, nothing sent', '', 'note'];
  return ['requests failed', describeFailures(requests), '0', expectZero(requests.failed)];
}

/** `3 of 120: 503 H10 x2, reset` */
function describeFailures({ sent, failed, failures }: RequestFigures): string {
  const kinds = failures.map(({ what, count }) => (count === 1 ? what : `${what} x${count}`));
  return `${failed} of ${sent}${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`;
}

export function lostJobsRow({ done, lost }: JobFigures): VerdictRow {
  return ['jobs lost', `${lost} (${done} done)`, '0', expectZero(lost)];
}

export function expectZero(count: number | null): Verdict {
  if (count === null) return 'note';
  return count === 0 ? 'good' : 'bad';
}

export function formatTime(ms: number | null, otherwise = 'none answered'): string {
  return ms === null ? otherwise : formatDuration(ms);
}

function formatCount(count: number | null): string {
  return count === null ? 'not visible' : `${count}`;
}

/** A killed sidekiq loses its jobs and a killed puma its requests: no supervisor can prevent that. Nor can it when it
 * is killed itself and the platform ends the rest. */
export function crashRows(one: CrashCase, { recoveryLimitMs }: CrashFigures): VerdictRow[] {
  const { dyno, child, isFirst, status, recoveredMs, orphans, jobs, requests } = one;
  const of = (what: string): string => `${dyno} ${child} killed: ${what}`;
  const isBack = recoveredMs !== null && recoveredMs < recoveryLimitMs;
  const isExpected = isFirst || child.startsWith('sidekiq');
  return [
    [of('exit status'), status === null ? 'did not end' : `${status}`, 'not 0', statusVerdict(status, isBack)],
    [of('all back after'), formatTime(recoveredMs, 'never'), formatDuration(recoveryLimitMs), isBack ? 'good' : 'bad'],
    [of('orphans'), formatCount(orphans), isFirst ? '' : '0', isFirst ? 'note' : expectZero(orphans)],
    [of('jobs lost'), `${jobs.lost}`, isExpected ? '' : '0', isExpected ? 'note' : expectZero(jobs.lost)],
    [of('requests failed'), describeFailures(requests), '', 'note'],
  ];
}

/** A dyno that keeps running is fine if all processes come back, as streaming on demand does. */
function statusVerdict(status: number | null, isBack: boolean): Verdict {
  if (status === null) return isBack ? 'note' : 'bad';
  return status === 0 ? 'bad' : 'good';
}

export function floodRows({ dyno, cases }: FloodFigures): VerdictRow[] {
  return cases.flatMap((one): VerdictRow[] => {
    const of = (what: string): string => `${dyno} ${floodName(one)}: ${what}`;
    return [
      [of('memory at the peak'), formatShare(one.peakBytes, one.quotaBytes), '', 'note'],
      [of('R14'), `${one.warnings}`, '', 'note'],
      [of('R15'), `${one.kills}`, '0', expectZero(one.kills)],
      [of('survived'), formatList(one.survived), '', 'note'],
      [of('ended'), formatList(one.ended), '', 'note'],
      [of('back within its quota'), one.hasRecovered ? 'yes' : 'no', 'yes', one.hasRecovered ? 'good' : 'bad'],
      [of('jobs lost'), `${one.jobs.lost}`, '0', expectZero(one.jobs.lost)],
      [of('requests failed'), describeFailures(one.requests), '0', expectZero(one.requests.failed)],
    ];
  });
}

function floodName({ where, askedBytes }: FloodCase): string {
  return where === 'convert' ? `a convert grows to ${formatMemory(askedBytes)}` : 'sidekiq leaks';
}

/** A process that is blocked on its output must be killed, and loses its jobs. What counts is the time to the end. */
export function stopRows({
  dyno,
  wasBlocked: wasFull,
  tookMs,
  stopLimitMs,
  exitTimeouts,
  status,
  orphans,
  jobs,
}: StopFigures): VerdictRow[] {
  const isInTime = tookMs !== null && tookMs < stopLimitMs;
  return [
    [`${dyno} children blocked by the reader`, wasFull ? 'yes' : 'no', '', 'note'],
    [`${dyno} ended after`, formatTime(tookMs, 'never'), formatDuration(stopLimitMs), isInTime ? 'good' : 'bad'],
    [`${dyno} exit timeouts`, `${exitTimeouts}`, '0 (R12)', expectZero(exitTimeouts)],
    [`${dyno} exit status`, status === null ? 'none' : `${status}`, '', 'note'],
    // R12 kills all processes at once, so which one is last is random.
    exitTimeouts > 0
      ? [`${dyno} orphans`, formatCount(orphans), '', 'note']
      : [`${dyno} orphans`, formatCount(orphans), '0', expectZero(orphans)],
    [`${dyno} jobs lost`, `${jobs.lost}`, wasFull ? '' : '0', wasFull ? 'note' : expectZero(jobs.lost)],
  ];
}
