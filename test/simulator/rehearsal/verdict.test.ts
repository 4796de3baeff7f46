import { expect, test } from 'vitest';
import type {
  CrashCase,
  DeployFigures,
  Figures,
  FloodCase,
  StopFigures,
} from '../../../src/simulator/rehearsal/figures.ts';
import { judge } from '../../../src/simulator/rehearsal/verdict.ts';

const MEBIBYTE = 2 ** 20;
const requests = { sent: 100, failed: 0, failures: [], p50Ms: 3, p99Ms: 20 };
const jobs = { done: 5, lost: 0 };

const bootOf = (change: object): Figures => ({
  scenario: 'boot',
  bootLimitMs: 6000,
  dynos: [
    {
      dyno: 'web.1',
      isWeb: true,
      boundMs: 1200,
      restMs: 1500,
      restBytes: 200 * MEBIBYTE,
      quotaBytes: 512 * MEBIBYTE,
      processes: ['supervisor', 'puma', 'puma worker', 'puma worker'],
      ...change,
    },
  ],
});
const loadOf = (change: object): Figures => ({
  scenario: 'load',
  requests,
  jobs,
  hasSidekiq: true,
  firstByteLimitMs: 3000,
  peaks: [{ dyno: 'web.1', peakBytes: 300 * MEBIBYTE, quotaBytes: 512 * MEBIBYTE }],
  ...change,
});
const deployOf = (change: Partial<DeployFigures>): Figures => ({
  scenario: 'deploy',
  release: 'succeeded',
  requests,
  jobs,
  overlaps: [{ dyno: 'web.1', overlapMs: 1500 }],
  stopLimitMs: 3000,
  exitTimeouts: 0,
  connections: { kind: 'seen', peak: 14 },
  connectionsLimit: 20,
  ...change,
});
const crashOf = (change: Partial<CrashCase>): Figures => ({
  scenario: 'crash',
  recoveryLimitMs: 9000,
  cases: [
    {
      dyno: 'web.1',
      child: 'puma',
      isFirst: false,
      status: 137,
      recoveredMs: 2500,
      orphans: 0,
      jobs,
      requests: { ...requests, failed: 3 },
      ...change,
    },
  ],
});
const floodOf = (change: Partial<FloodCase>): Figures => ({
  scenario: 'flood',
  dyno: 'web.1',
  cases: [
    {
      where: 'convert',
      askedBytes: 1280 * MEBIBYTE,
      peakBytes: 800 * MEBIBYTE,
      quotaBytes: 512 * MEBIBYTE,
      warnings: 1,
      kills: 0,
      survived: ['supervisor', 'puma', 'sidekiq'],
      ended: [],
      hasRecovered: true,
      jobs,
      requests,
      ...change,
    },
  ],
});
const stopOf = (change: Partial<StopFigures>): Figures => ({
  scenario: 'stop',
  dyno: 'web.1',
  wasBlocked: true,
  tookMs: 2850,
  stopLimitMs: 3000,
  exitTimeouts: 0,
  status: 137,
  orphans: 0,
  jobs,
  ...change,
});
const releaseOf = (change: object): Figures => ({
  scenario: 'release',
  state: 'failed',
  booted: [],
  ended: [],
  ...change,
});

test.each<[string, Figures]>([
  ['boot', bootOf({})],
  ['load', loadOf({})],
  ['deploy', deployOf({})],
  ['crash', crashOf({})],
  ['flood', floodOf({})],
  ['stop', stopOf({})],
  ['release', releaseOf({})],
])('%s: nothing bad in what goes well', (scenario, figures) => {
  const rows = judge(figures);
  expect(rows.filter(({ verdict }) => verdict === 'bad')).toEqual([]);
  expect(rows.some(({ verdict }) => verdict === 'good')).toBe(true);
  expect(new Set(rows.map((row) => row.scenario))).toEqual(new Set([scenario]));
});

test.each<[string, Figures, string[]]>([
  ['it never listens', bootOf({ boundMs: null }), ['web.1 listens after: never (6 s (R10))']],
  ['it listens at the limit', bootOf({ boundMs: 6000 }), ['web.1 listens after: 6 s (6 s (R10))']],
  ['it never rests', bootOf({ restMs: null, restBytes: null }), ['web.1 at rest after: never ()']],
  ['it needs 90 % at rest', bootOf({ restBytes: 461 * MEBIBYTE }), ['web.1 memory at rest: 461M (90 %) (461M (90 %))']],
  ['a request fails', loadOf({ requests: { ...requests, failed: 1 } }), ['requests failed: 1 of 100 (0)']],
  [
    'requests fail in several ways',
    loadOf({
      requests: {
        ...requests,
        failed: 3,
        failures: [
          { what: '503 H10', count: 2 },
          { what: 'reset', count: 1 },
        ],
      },
    }),
    ['requests failed: 3 of 100: 503 H10 x2, reset (0)'],
  ],
  ['it answers slowly', loadOf({ requests: { ...requests, p99Ms: 3000 } }), ['99th percentile: 3 s (3 s (H12))']],
  ['a job is lost', loadOf({ jobs: { done: 5, lost: 1 } }), ['jobs lost: 1 (5 done) (0)']],
  [
    'work needs more than the quota',
    loadOf({ peaks: [{ dyno: 'web.1', peakBytes: 512 * MEBIBYTE, quotaBytes: 512 * MEBIBYTE }] }),
    ['web.1 memory at the peak: 512M (100 %) (512M (R14))'],
  ],
  ['the release fails', deployOf({ release: 'failed' }), ['release: failed ()']],
  ['a deploy ends in R12', deployOf({ exitTimeouts: 1 }), ['exit timeouts: 1 (0 (R12 after 3 s))']],
  [
    'a deploy opens too many connections',
    deployOf({ connections: { kind: 'seen', peak: 21 } }),
    ['database connections at the peak: 21 (20)'],
  ],
  ['a crash ends with 0', crashOf({ status: 0 }), ['web.1 puma killed: exit status: 0 (not 0)']],
  [
    'a crash is not observed',
    crashOf({ status: null, recoveredMs: null }),
    ['web.1 puma killed: exit status: did not end (not 0)', 'web.1 puma killed: all back after: never (9 s)'],
  ],
  ['a crash leaves an orphan', crashOf({ orphans: 1 }), ['web.1 puma killed: orphans: 1 (0)']],
  ["puma's crash loses jobs", crashOf({ jobs: { done: 1, lost: 2 } }), ['web.1 puma killed: jobs lost: 2 (0)']],
  ['R15', floodOf({ kills: 1 }), ['web.1 a convert grows to 1280M: R15: 1 (0)']],
  [
    'it stays above its quota',
    floodOf({ where: 'sidekiq', hasRecovered: false }),
    ['web.1 sidekiq leaks: back within its quota: no (yes)'],
  ],
  [
    'R12',
    stopOf({ tookMs: 3100, exitTimeouts: 1 }),
    ['web.1 ended after: 3.1 s (3 s)', 'web.1 exit timeouts: 1 (0 (R12))'],
  ],
  ['it never ends', stopOf({ tookMs: null, orphans: 2 }), ['web.1 ended after: never (3 s)', 'web.1 orphans: 2 (0)']],
  [
    'a stop that nothing hinders loses jobs',
    stopOf({ wasBlocked: false, jobs: { done: 0, lost: 1 } }),
    ['web.1 jobs lost: 1 (0)'],
  ],
  ['a release does not fail', releaseOf({ state: 'succeeded' }), ['forced failure: succeeded (failed)']],
  [
    'a failed release boots',
    releaseOf({ booted: ['web.1, life 2'], ended: ['web.1, life 1'] }),
    ['booted anyway: web.1, life 2 (none)', 'ended: web.1, life 1 (none)'],
  ],
  ['a scenario gets failed', { scenario: 'load', failed: 'no answer' }, ['failed: no answer ()']],
])('bad: %s', (_, figures, bad) => {
  const rows = judge(figures).filter(({ verdict }) => verdict === 'bad');
  expect(rows.map(({ what, figure, limit }) => `${what}: ${figure} (${limit})`)).toEqual(bad);
});

test.each<[string, Figures, string]>([
  ['a boot of more than half the limit', bootOf({ boundMs: 3001 }), 'web.1 listens after'],
  [
    'no web dyno',
    deployOf({ requests: { sent: 0, failed: 0, failures: [], p50Ms: null, p99Ms: null } }),
    'requests failed',
  ],
  ['memory that is not visible', bootOf({ restBytes: null }), 'web.1 memory at rest'],
  [
    'connections that are not visible',
    deployOf({ connections: { kind: 'not visible', reason: 'no DATABASE_URL is set' } }),
    'database connections at the peak',
  ],
  [
    "sidekiq's own jobs",
    crashOf({ child: 'sidekiq 2', jobs: { done: 0, lost: 1 } }),
    'web.1 sidekiq 2 killed: jobs lost',
  ],
  [
    'what the first process leaves',
    crashOf({ child: 'shell', isFirst: true, orphans: 3 }),
    'web.1 shell killed: orphans',
  ],
  ['a child that comes back by itself', crashOf({ status: null, recoveredMs: 500 }), 'web.1 puma killed: exit status'],
  ['who was the last to be killed by R12', stopOf({ exitTimeouts: 1, orphans: 2 }), 'web.1 orphans'],
  ['jobs of who waits for the reader', stopOf({ jobs: { done: 0, lost: 1 } }), 'web.1 jobs lost'],
  ['a scenario that is left out', { scenario: 'flood', skipped: 'real parts' }, 'skipped'],
])('only a note: %s', (_, figures, what) => {
  expect(judge(figures).find((row) => row.what === what)?.verdict).toBe('note');
});
