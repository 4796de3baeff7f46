import { formatMemory } from '../platform/rules.ts';
import {
  formatDuration,
  formatFailures,
  formatList,
  formatShare,
  type BootFigures,
  type CrashCase,
  type CrashFigures,
  type DeployFigures,
  type Figures,
  type FloodFigures,
  type JobFigures,
  type LoadFigures,
  type ReleaseFigures,
  type RequestFigures,
  type ScenarioName,
  type StopFigures,
} from './figures.ts';

/** One row of the table. A `note` is for information, neither good nor bad. */
export type Row = {
  scenario: ScenarioName;
  what: string;
  figure: string;
  limit: string;
  verdict: 'good' | 'bad' | 'note';
};
type Judgement = Omit<Row, 'scenario'>;

/** The verdicts on a scenario's figures. The thresholds are documented in docs/simulator.md. */
export function judge(figures: Figures): Row[] {
  return judgementsOf(figures).map((judgement) => ({ scenario: figures.scenario, ...judgement }));
}

function judgementsOf(figures: Figures): Judgement[] {
  if ('skipped' in figures) return [note('skipped', figures.skipped)];
  if ('failed' in figures) return [check(false, 'failed', figures.failed)];
  switch (figures.scenario) {
    case 'boot':
      return judgeBoot(figures);
    case 'load':
      return judgeLoad(figures);
    case 'deploy':
      return judgeDeploy(figures);
    case 'crash':
      return figures.cases.flatMap((crash) => judgeCrash(crash, figures));
    case 'flood':
      return judgeFlood(figures);
    case 'stop':
      return judgeStop(figures);
    case 'release':
      return judgeRelease(figures);
  }
}

function note(what: string, figure: string, limit = ''): Judgement {
  return { what, figure, limit, verdict: 'note' };
}

function check(isGood: boolean, what: string, figure: string, limit = ''): Judgement {
  return { what, figure, limit, verdict: isGood ? 'good' : 'bad' };
}

function expectZero(what: string, count: number, figure = `${count}`, limit = '0'): Judgement {
  return check(count === 0, what, figure, limit);
}

function expectNoFailures(requests: RequestFigures): Judgement {
  if (requests.sent === 0) return note('requests failed', 'no web dyno, nothing sent');
  return expectZero('requests failed', requests.failed, formatFailures(requests));
}

function expectNoLostJobs({ done, lost }: JobFigures): Judgement {
  return expectZero('jobs lost', lost, `${lost} (${done} done)`);
}

function formatTime(ms: number | null, otherwise: string): string {
  return ms === null ? otherwise : formatDuration(ms);
}

/** Memory at rest must leave room for work. */
const MAX_REST_SHARE = 0.9;
/** A boot above this share of the limit may exceed it on a slower day. */
const SLOW_BOOT_SHARE = 0.5;

function judgeBoot({ dynos, bootLimitMs }: BootFigures): Judgement[] {
  return dynos.flatMap(({ dyno, isWeb, boundMs, restMs, restBytes, quotaBytes, processes }): Judgement[] => {
    const isSlow = boundMs !== null && boundMs < bootLimitMs && boundMs > bootLimitMs * SLOW_BOOT_SHARE;
    const bootLimit = `${formatDuration(bootLimitMs)} (R10)`;
    const listens = [`${dyno} listens after`, formatTime(boundMs, 'never'), bootLimit] as const;
    const rest = [`${dyno} at rest after`, formatTime(restMs, 'never')] as const;
    const what = `${dyno} memory at rest`;
    const mostBytes = quotaBytes * MAX_REST_SHARE;
    return [
      ...(isWeb ? [isSlow ? note(...listens) : check(boundMs !== null && boundMs < bootLimitMs, ...listens)] : []),
      restMs === null ? check(false, ...rest) : note(...rest),
      restBytes === null
        ? note(what, 'not visible on this machine')
        : check(restBytes < mostBytes, what, formatShare(restBytes, quotaBytes), `${formatMemory(mostBytes)} (90 %)`),
      note(`${dyno} runs`, formatList(processes)),
    ];
  });
}

function judgeLoad({ requests, jobs, hasSidekiq, firstByteLimitMs, peaks }: LoadFigures): Judgement[] {
  const { p50Ms, p99Ms } = requests;
  const none = 'none answered';
  const isFast = p99Ms !== null && p99Ms < firstByteLimitMs;
  return [
    expectNoFailures(requests),
    note('median response time', formatTime(p50Ms, none)),
    check(isFast, '99th percentile', formatTime(p99Ms, none), `${formatDuration(firstByteLimitMs)} (H12)`),
    note('jobs done', hasSidekiq ? `${jobs.done}` : 'no sidekiq here'),
    expectNoLostJobs(jobs),
    ...peaks.map(({ dyno, peakBytes, quotaBytes }) => {
      const share = formatShare(peakBytes, quotaBytes);
      return check(peakBytes < quotaBytes, `${dyno} memory at the peak`, share, `${formatMemory(quotaBytes)} (R14)`);
    }),
  ];
}

function judgeDeploy(figures: DeployFigures): Judgement[] {
  const { release, requests, jobs, overlaps, exitTimeouts, stopLimitMs, connections, connectionsLimit } = figures;
  const peak = 'database connections at the peak';
  return [
    check(release === 'succeeded' || release === 'none', 'release', release),
    expectNoFailures(requests),
    expectNoLostJobs(jobs),
    ...overlaps.map(({ dyno, overlapMs }) => note(`${dyno} old and new overlap`, formatDuration(overlapMs))),
    expectZero('exit timeouts', exitTimeouts, `${exitTimeouts}`, `0 (R12 after ${formatDuration(stopLimitMs)})`),
    connections.kind === 'seen'
      ? check(connections.peak <= connectionsLimit, peak, `${connections.peak}`, `${connectionsLimit}`)
      : note(peak, `not visible: ${connections.reason}`, `${connectionsLimit}`),
  ];
}

/** A killed sidekiq loses its jobs and a killed puma its requests: no supervisor can prevent that. Nor can it when it
 * is killed itself and the platform ends the rest. */
function judgeCrash(crash: CrashCase, { recoveryLimitMs }: CrashFigures): Judgement[] {
  const { dyno, child, isFirst, status, recoveredMs, orphans, jobs, requests } = crash;
  const nameOf = (what: string): string => `${dyno} ${child} killed: ${what}`;
  const isBack = recoveredMs !== null && recoveredMs < recoveryLimitMs;
  const lost = [nameOf('jobs lost'), `${jobs.lost}`] as const;
  return [
    // A dyno that keeps running is fine if all processes come back, as streaming on demand does.
    status === null && isBack
      ? note(nameOf('exit status'), 'did not end', 'not 0')
      : check(status !== null && status !== 0, nameOf('exit status'), `${status ?? 'did not end'}`, 'not 0'),
    check(isBack, nameOf('all back after'), formatTime(recoveredMs, 'never'), formatDuration(recoveryLimitMs)),
    isFirst ? note(nameOf('orphans'), `${orphans ?? 'not visible'}`) : expectNoOrphans(nameOf('orphans'), orphans),
    isFirst || child.startsWith('sidekiq') ? note(...lost) : expectZero(nameOf('jobs lost'), jobs.lost),
    note(nameOf('requests failed'), formatFailures(requests)),
  ];
}

function expectNoOrphans(what: string, orphans: number | null): Judgement {
  return orphans === null ? note(what, 'not visible', '0') : expectZero(what, orphans);
}

function judgeFlood({ dyno, cases }: FloodFigures): Judgement[] {
  return cases.flatMap((flood): Judgement[] => {
    const name = flood.where === 'convert' ? `a convert grows to ${formatMemory(flood.askedBytes)}` : 'sidekiq leaks';
    const nameOf = (what: string): string => `${dyno} ${name}: ${what}`;
    return [
      note(nameOf('memory at the peak'), formatShare(flood.peakBytes, flood.quotaBytes)),
      note(nameOf('R14'), `${flood.warnings}`),
      expectZero(nameOf('R15'), flood.kills),
      note(nameOf('survived'), formatList(flood.survived)),
      note(nameOf('ended'), formatList(flood.ended)),
      check(flood.hasRecovered, nameOf('back within its quota'), flood.hasRecovered ? 'yes' : 'no', 'yes'),
      expectZero(nameOf('jobs lost'), flood.jobs.lost),
      expectZero(nameOf('requests failed'), flood.requests.failed, formatFailures(flood.requests)),
    ];
  });
}

/** A process that is blocked on its output must be killed, and loses its jobs. What counts is the time to the end. */
function judgeStop(figures: StopFigures): Judgement[] {
  const { dyno, wasBlocked, tookMs, stopLimitMs, exitTimeouts, status, orphans, jobs } = figures;
  const isInTime = tookMs !== null && tookMs < stopLimitMs;
  const [orphansName, lostName] = [`${dyno} orphans`, `${dyno} jobs lost`];
  return [
    note(`${dyno} children blocked by the reader`, wasBlocked ? 'yes' : 'no'),
    check(isInTime, `${dyno} ended after`, formatTime(tookMs, 'never'), formatDuration(stopLimitMs)),
    expectZero(`${dyno} exit timeouts`, exitTimeouts, `${exitTimeouts}`, '0 (R12)'),
    note(`${dyno} exit status`, `${status ?? 'none'}`),
    // R12 kills all processes at once, so which one is last is random.
    exitTimeouts > 0 ? note(orphansName, `${orphans ?? 'not visible'}`) : expectNoOrphans(orphansName, orphans),
    wasBlocked ? note(lostName, `${jobs.lost}`) : expectZero(lostName, jobs.lost),
  ];
}

function judgeRelease({ state, booted, ended }: ReleaseFigures): Judgement[] {
  return [
    check(state === 'failed', 'forced failure', state, 'failed'),
    expectZero('booted anyway', booted.length, formatList(booted), 'none'),
    expectZero('ended', ended.length, formatList(ended), 'none'),
  ];
}
