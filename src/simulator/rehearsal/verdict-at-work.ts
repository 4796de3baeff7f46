import type { BootFigures, BootOfDyno, DeployFigures, LoadFigures, ReleaseFigures } from './figures.ts';
import { duration, list, memory, share } from './in-words.ts';
import { jobsLost, none, requestsFailed, timeOr, type Line, type Verdict } from './lines.ts';

/** What one dyno needs at rest has to leave room for work. */
const REST_MOST = 0.9;
/** A boot that takes longer than this part of the limit is close to it on a slower day. */
const BOOT_CLOSE = 0.5;

export function ofBoot({ dynos, bootLimitMs }: BootFigures): Line[] {
  return dynos.flatMap((one): Line[] => [
    ...(one.isWeb ? [bound(one, bootLimitMs)] : []),
    [`${one.dyno} at rest after`, one.restMs === null ? 'never' : duration(one.restMs), '', verdictOfRest(one)],
    memoryAtRest(one),
    [`${one.dyno} runs`, list(one.processes), '', 'note'],
  ]);
}

function bound({ dyno, boundMs }: BootOfDyno, limitMs: number): Line {
  const isLate = boundMs === null || boundMs >= limitMs;
  const verdict = isLate ? 'bad' : boundMs > limitMs * BOOT_CLOSE ? 'note' : 'good';
  return [
    `${dyno} listens after`,
    boundMs === null ? 'never' : duration(boundMs),
    `${duration(limitMs)} (R10)`,
    verdict,
  ];
}

function verdictOfRest({ restMs }: BootOfDyno): Verdict {
  return restMs === null ? 'bad' : 'note';
}

function memoryAtRest({ dyno, restBytes, quotaBytes }: BootOfDyno): Line {
  const what = `${dyno} memory at rest`;
  if (restBytes === null) return [what, 'not visible on this machine', '', 'note'];
  const isGood = restBytes < quotaBytes * REST_MOST;
  return [what, share(restBytes, quotaBytes), `${memory(quotaBytes * REST_MOST)} (90 %)`, isGood ? 'good' : 'bad'];
}

export function ofLoad({ requests, jobs, hasSidekiq, firstByteLimitMs, peaks }: LoadFigures): Line[] {
  const { p50Ms, p99Ms } = requests;
  const isSlow = p99Ms === null || p99Ms >= firstByteLimitMs;
  return [
    requestsFailed(requests),
    ['half of them within', timeOr(p50Ms), '', 'note'],
    ['99 of 100 within', timeOr(p99Ms), `${duration(firstByteLimitMs)} (H12)`, isSlow ? 'bad' : 'good'],
    ['jobs done', hasSidekiq ? `${jobs.done}` : 'no sidekiq here', '', 'note'],
    jobsLost(jobs),
    ...peaks.map(({ dyno, peakBytes, quotaBytes }): Line => {
      const verdict = peakBytes < quotaBytes ? 'good' : 'bad';
      return [`${dyno} memory at the peak`, share(peakBytes, quotaBytes), `${memory(quotaBytes)} (R14)`, verdict];
    }),
  ];
}

export function ofDeploy(figures: DeployFigures): Line[] {
  const { release, requests, jobs, overlaps, exitTimeouts, stopLimitMs } = figures;
  const isReleased = release === 'succeeded' || release === 'none';
  return [
    ['release', release, '', isReleased ? 'good' : 'bad'],
    requestsFailed(requests),
    jobsLost(jobs),
    ...overlaps.map(({ dyno, overlapMs }): Line => [`${dyno} old and new together`, duration(overlapMs), '', 'note']),
    ['exit timeouts', `${exitTimeouts}`, `0 (R12 after ${duration(stopLimitMs)})`, none(exitTimeouts)],
    connections(figures),
  ];
}

function connections({ connections: seen, connectionsLimit }: DeployFigures): Line {
  const what = 'database connections at the peak';
  if (seen.kind === 'not visible') return [what, `not visible: ${seen.why}`, `${connectionsLimit}`, 'note'];
  return [what, `${seen.peak}`, `${connectionsLimit}`, seen.peak <= connectionsLimit ? 'good' : 'bad'];
}

export function ofRelease({ state, booted, ended }: ReleaseFigures): Line[] {
  return [
    ['told to fail', state, 'failed', state === 'failed' ? 'good' : 'bad'],
    ['booted all the same', list(booted), 'none', none(booted.length)],
    ['ended by it', list(ended), 'none', none(ended.length)],
  ];
}
