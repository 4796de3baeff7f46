import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Report } from '../../src/simulator/rehearsal/report.ts';
import { SCENARIOS } from '../../src/simulator/rehearsal/figures.ts';
import { startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePort } from '../simulator/free-port.ts';

const SHELL_LINE = fileURLToPath(new URL('../fixtures/shell-line', import.meta.url));

/** Of the platform's 30 s: what is left to the supervisor must not depend on how busy this machine is. */
const env = { SUPERVISE_STOP_TIMEOUT: '26' };

/** `mstdn-supervise dev --rehearse`; its stdout is in `output`, stderr beside it when it is asked for. */
async function startRehearsal(words: readonly string[], stderr: 'ignore' | 'pipe' = 'ignore'): Promise<Dyno> {
  const args = ['dev', '--rehearse', '--time-scale', '10', '--port', `${await freePort()}`, ...words];
  return startDyno({ args, env, stdio: ['ignore', 'pipe', stderr] });
}

async function reportOf(words: readonly string[], code: number): Promise<Report> {
  const dyno = await startRehearsal(['--json', ...words]);
  expect(await dyno.exited, dyno.output).toEqual({ code, signal: null });
  await dyno.gone();
  return JSON.parse(dyno.output) as Report;
}

function badOf({ scenarios: scenarios }: Report): string[] {
  return scenarios.flatMap(({ rows }) => rows.filter(({ verdict }) => verdict === 'bad').map(({ what }) => what));
}

test('our Procfile: every scenario, nothing bad, exit code 0, a document on stdout and nothing else', async () => {
  const report = await reportOf([], 0);
  expect(badOf(report)).toEqual([]);
  expect(report).toMatchObject({ format: 1, verdict: 'good', timeScale: 10, app: { standIns: true } });
  expect(report.scenarios.map(({ scenario }) => scenario)).toEqual(SCENARIOS);
  expect(report.scenarios.every(({ log }) => log.length === 0)).toBe(true);
  const figures = Object.fromEntries(report.scenarios.map((scenario) => [scenario.scenario, scenario.figures]));
  expect(figures).toMatchObject({
    boot: {
      dynos: [
        {
          dyno: 'web.1',
          isWeb: true,
          processes: expect.arrayContaining(['supervisor', 'puma', 'sidekiq']) as string[],
        },
      ],
    },
    load: { requests: { failed: 0 }, jobs: { lost: 0 } },
    deploy: { release: 'succeeded', connections: { kind: 'seen' }, jobs: { lost: 0 } },
    crash: {
      cases: [
        { child: 'supervisor', isFirst: true, status: 137 },
        { child: 'puma', status: 137, orphans: 0, jobs: { lost: 0 } },
        { child: 'sidekiq', status: 137, orphans: 0 },
      ],
    },
    flood: {
      cases: [
        { where: 'convert', kills: 0, survived: ['supervisor', 'puma', 'sidekiq'] },
        { where: 'sidekiq', kills: 0, survived: ['supervisor', 'puma'], ended: ['sidekiq'] },
      ],
    },
    stop: { wasBlocked: true, exitTimeouts: 0, orphans: 0 },
    release: { state: 'failed', booted: [], ended: [] },
  });
});

test('the shell line: bad where it is, with the log of those scenarios, exit code 1', async () => {
  const report = await reportOf(['--dir', SHELL_LINE, '--scenarios', 'boot,crash,flood,stop'], 1);
  expect(badOf(report)).toEqual(
    expect.arrayContaining([
      'web.1 puma killed: exit status',
      'web.1 sidekiq killed: exit status',
      'web.1 a convert grows to 1280M: R15',
      'web.1 a convert grows to 1280M: jobs lost',
      'web.1 sidekiq leaks: back within its quota',
      'web.1 exit timeouts',
    ]),
  );
  const bad = report.scenarios.filter(({ verdict }) => verdict === 'bad');
  expect(bad.map(({ scenario }) => scenario)).toEqual(['crash', 'flood', 'stop']);
  for (const { log } of bad) expect(log.length).toBeGreaterThan(0);
  expect(report.scenarios.find(({ scenario }) => scenario === 'crash')?.figures).toMatchObject({
    cases: [
      { child: 'shell', isFirst: true },
      { child: 'puma', status: 0 },
      { child: 'sidekiq', status: 0 },
    ],
  });
});

test('only the scenarios that are asked for, in a table', async () => {
  const dyno = await startRehearsal(['--scenarios', 'release,boot']);
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  const lines = dyno.output.split('\n');
  expect(lines.filter((line) => /^\w/.test(line)).map((line) => line.split(' ')[0])).toEqual(
    expect.arrayContaining(['Stand-ins', 'scenario', 'boot', 'release']),
  );
  expect(dyno.output).not.toMatch(/^(load|deploy|crash|flood|stop) /m);
  expect(dyno.output).toMatch(/^ +booted anyway +none +none +good$/m);
  expect(dyno.output).toMatch(/\n\d+ good, 0 bad, \d+ notes\n$/);
});

test('a worker alone: what needs a web dyno is left out', async () => {
  const report = await reportOf(['--only', 'worker', '--scenarios', 'load,deploy,stop'], 0);
  expect(report.scenarios.map(({ rows }) => rows[0]?.figure)).toEqual([
    'no web dyno',
    'succeeded',
    'no web dyno whose output could fill the pipe',
  ]);
});

test('a release that fails from the start: said, with its log', async () => {
  const args = ['dev', '--rehearse', '--json', '--time-scale', '10', '--port', `${await freePort()}`];
  const dyno = startDyno({ args, env: { STAND_IN_FAIL: 'db:migrate' }, stdio: ['ignore', 'pipe', 'ignore'] });
  expect(await dyno.exited).toEqual({ code: 1, signal: null });
  const { scenarios: scenarios } = JSON.parse(dyno.output) as Report;
  expect(scenarios).toMatchObject([{ figures: { failed: 'the first release failed, so no dyno was started' } }]);
  expect(scenarios[0]?.log.join('\n')).toContain('rails aborted!');
});

test.each<[NodeJS.Signals, string, number]>([
  ['SIGINT', 'release', 130],
  ['SIGINT', 'crash', 130],
  ['SIGTERM', 'load', 143],
  // The reader is stalled by then, and requests are no longer answered.
  ['SIGINT', 'stop', 130],
])('%s during %s: a clean stop, nothing left', async (signal, scenario, code) => {
  const dyno = await startRehearsal(['--scenarios', scenario], 'pipe');
  await dyno.waitForOutput(new RegExp(`rehearsal: ${scenario} `));
  dyno.signal(signal);
  expect(await dyno.exited).toEqual({ code, signal: null });
  expect(dyno.output).toContain('rehearsal: interrupted; stopping all dynos');
  await dyno.gone();
});

test('usage and configuration', async () => {
  const wrong = await startRehearsal(['--scenarios', 'boot,encore'], 'pipe');
  expect(await wrong.exited).toEqual({ code: 64, signal: null });
  expect(wrong.output).toContain('--scenarios boot,encore: expected some of boot,load,deploy,crash,flood,stop,release');
  const absent = await startRehearsal(['--dir', `${tempFolder()}/nowhere`], 'pipe');
  expect(await absent.exited).toEqual({ code: 78, signal: null });
  await eventually(() => expect(absent.output).toContain('no such folder'));
});
