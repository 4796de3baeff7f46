import {
  crashRows,
  expectZero,
  failedRequestsRow,
  floodRows,
  formatTime,
  lostJobsRow,
  stopRows,
  type Verdict,
  type VerdictRow,
} from './fault-rows.ts';
import {
  formatDuration,
  formatList,
  formatMemory,
  formatShare,
  type BootFigures,
  type DeployFigures,
  type DynoBoot,
  type Figures,
  type LoadFigures,
  type ReleaseFigures,
  type ScenarioName,
} from './figures.ts';

/** One row of the table. */
export type Row = { scenario: ScenarioName; what: string; figure: string; limit: string; verdict: Verdict };

/** The verdicts on a scenario's figures. The thresholds are documented in docs/simulator.md. */
export function judge(figures: Figures): Row[] {
  return rowsOf(figures).map(([what, figure, limit, verdict]) => ({
    scenario: figures.scenario,
    what,
    figure,
    limit,
    verdict,
  }));
}

function rowsOf(figures: Figures): VerdictRow[] {
  if ('skipped' in figures) return [['skipped', figures.skipped, '', 'note']];
  if ('failed' in figures) return [['failed', figures.failed, '', 'bad']];
  switch (figures.scenario) {
    case 'boot':
      return bootRows(figures);
    case 'load':
      return loadRows(figures);
    case 'deploy':
      return deployRows(figures);
    case 'crash':
      return figures.cases.flatMap((one) => crashRows(one, figures));
    case 'flood':
      return floodRows(figures);
    case 'stop':
      return stopRows(figures);
    case 'release':
      return releaseRows(figures);
  }
}

/** Memory at rest must leave room for work. */
const MAX_REST_SHARE = 0.9;
/** A boot above this share of the limit may exceed it on a slower day. */
const SLOW_BOOT_SHARE = 0.5;

function bootRows({ dynos, bootLimitMs }: BootFigures): VerdictRow[] {
  return dynos.flatMap((one): VerdictRow[] => [
    ...(one.isWeb ? [portRow(one, bootLimitMs)] : []),
    [`${one.dyno} at rest after`, one.restMs === null ? 'never' : formatDuration(one.restMs), '', restVerdict(one)],
    restMemoryRow(one),
    [`${one.dyno} runs`, formatList(one.processes), '', 'note'],
  ]);
}

function portRow({ dyno, boundMs }: DynoBoot, limitMs: number): VerdictRow {
  const isLate = boundMs === null || boundMs >= limitMs;
  const verdict = isLate ? 'bad' : boundMs > limitMs * SLOW_BOOT_SHARE ? 'note' : 'good';
  return [
    `${dyno} listens after`,
    boundMs === null ? 'never' : formatDuration(boundMs),
    `${formatDuration(limitMs)} (R10)`,
    verdict,
  ];
}

function restVerdict({ restMs }: DynoBoot): Verdict {
  return restMs === null ? 'bad' : 'note';
}

function restMemoryRow({ dyno, restBytes, quotaBytes }: DynoBoot): VerdictRow {
  const what = `${dyno} memory at rest`;
  if (restBytes === null) return [what, 'not visible on this machine', '', 'note'];
  const isGood = restBytes < quotaBytes * MAX_REST_SHARE;
  return [
    what,
    formatShare(restBytes, quotaBytes),
    `${formatMemory(quotaBytes * MAX_REST_SHARE)} (90 %)`,
    isGood ? 'good' : 'bad',
  ];
}

function loadRows({ requests, jobs, hasSidekiq, firstByteLimitMs, peaks }: LoadFigures): VerdictRow[] {
  const { p50Ms, p99Ms } = requests;
  const isSlow = p99Ms === null || p99Ms >= firstByteLimitMs;
  return [
    failedRequestsRow(requests),
    ['median response time', formatTime(p50Ms), '', 'note'],
    ['99th percentile', formatTime(p99Ms), `${formatDuration(firstByteLimitMs)} (H12)`, isSlow ? 'bad' : 'good'],
    ['jobs done', hasSidekiq ? `${jobs.done}` : 'no sidekiq here', '', 'note'],
    lostJobsRow(jobs),
    ...peaks.map(({ dyno, peakBytes, quotaBytes }): VerdictRow => {
      const verdict = peakBytes < quotaBytes ? 'good' : 'bad';
      return [
        `${dyno} memory at the peak`,
        formatShare(peakBytes, quotaBytes),
        `${formatMemory(quotaBytes)} (R14)`,
        verdict,
      ];
    }),
  ];
}

function deployRows(figures: DeployFigures): VerdictRow[] {
  const { release, requests, jobs, overlaps, exitTimeouts, stopLimitMs } = figures;
  const isReleased = release === 'succeeded' || release === 'none';
  return [
    ['release', release, '', isReleased ? 'good' : 'bad'],
    failedRequestsRow(requests),
    lostJobsRow(jobs),
    ...overlaps.map(({ dyno, overlapMs }): VerdictRow => [
      `${dyno} old and new overlap`,
      formatDuration(overlapMs),
      '',
      'note',
    ]),
    ['exit timeouts', `${exitTimeouts}`, `0 (R12 after ${formatDuration(stopLimitMs)})`, expectZero(exitTimeouts)],
    connectionsRow(figures),
  ];
}

function connectionsRow({ connections: seen, connectionsLimit }: DeployFigures): VerdictRow {
  const what = 'database connections at the peak';
  if (seen.kind === 'not visible') return [what, `not visible: ${seen.reason}`, `${connectionsLimit}`, 'note'];
  return [what, `${seen.peak}`, `${connectionsLimit}`, seen.peak <= connectionsLimit ? 'good' : 'bad'];
}

function releaseRows({ state, booted, ended }: ReleaseFigures): VerdictRow[] {
  return [
    ['forced failure', state, 'failed', state === 'failed' ? 'good' : 'bad'],
    ['booted anyway', formatList(booted), 'none', expectZero(booted.length)],
    ['ended', formatList(ended), 'none', expectZero(ended.length)],
  ];
}
