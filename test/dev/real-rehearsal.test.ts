// Rehearsals of a checkout with real parts: rails, puma, sidekiq, Redis and PostgreSQL.
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import type { Report } from '../../src/simulator/rehearsal/report.ts';
import { SCENARIOS } from '../../src/simulator/rehearsal/figures.ts';
import { startDyno } from '../harness/dyno.ts';
import { postgresOfThisFile } from '../real/services.ts';
import { freePort } from '../simulator/free-port.ts';
import { PATH_WITH_JOB, realApp, SCALE } from './real-app.ts';
import { home } from './simulation.ts';

const SHELL_LINE = fileURLToPath(new URL('../fixtures/shell-line', import.meta.url));
/** Of the platform's 30 s: what is left to the supervisor must not depend on how busy this machine is. */
const SUPERVISE_STOP_TIMEOUT = '26';
/** A rehearsal boots Rails many times, while other tests boot Ruby as well. */
vi.setConfig({ testTimeout: 400_000 });
const postgres = postgresOfThisFile(await freePort());

/** `mstdn-supervise dev --rehearse` in a checkout with the Procfile of that folder, and the exit code that is due. */
async function rehearse(name: string, procfileOf: string, words: readonly string[], code: number): Promise<Report> {
  const { folder } = await realApp(postgres.create(name), procfileOf);
  const own = ['--time-scale', `${SCALE}`, '--port', `${await freePort()}`, '--path', PATH_WITH_JOB];
  const args = ['dev', '--rehearse', '--json', ...own, ...words];
  const dyno = startDyno({ args, cwd: folder, env: { SUPERVISE_STOP_TIMEOUT }, stdio: ['ignore', 'pipe', 'ignore'] });
  expect(await dyno.exited, dyno.output).toEqual({ code, signal: null });
  await dyno.gone();
  return JSON.parse(dyno.output) as Report;
}

function badOf({ scenarios: scenarios }: Report): string[] {
  return scenarios.flatMap(({ rows }) => rows.filter(({ verdict }) => verdict === 'bad').map(({ what }) => what));
}

test('our Procfile: nothing bad, exit code 0; only the stand-ins can be flooded or told to fail', async () => {
  const report = await rehearse('ours', home, [], 0);
  expect(badOf(report)).toEqual([]);
  expect(report).toMatchObject({ verdict: 'good', app: { standIns: false } });
  expect(report.scenarios.map(({ scenario }) => scenario)).toEqual(SCENARIOS);
  const figures = Object.fromEntries(report.scenarios.map((scenario) => [scenario.scenario, scenario.figures]));
  expect(figures).toMatchObject({
    boot: { dynos: [{ dyno: 'web.1', isWeb: true, processes: ['supervisor', 'puma', 'sidekiq'] }] },
    load: { requests: { failed: 0 }, jobs: { lost: 0 } },
    deploy: { release: 'succeeded', requests: { failed: 0 }, jobs: { lost: 0 }, connections: { kind: 'seen' } },
    crash: {
      cases: [
        { child: 'supervisor', isFirst: true, status: 137 },
        { child: 'puma', status: 137, orphans: 0, jobs: { lost: 0 } },
        { child: 'sidekiq', status: 137, orphans: 0 },
      ],
    },
    flood: { skipped: expect.stringContaining('--stand-ins') as string },
    stop: { wasBlocked: true, exitTimeouts: 0, orphans: 0 },
    release: { skipped: expect.stringContaining('--stand-ins') as string },
  });
  const { connections } = figures.deploy as { connections: { peak: number } };
  expect(connections.peak).toBeGreaterThan(0);
  for (const scenario of ['load', 'deploy'] as const)
    expect((figures[scenario] as { jobs: { done: number } }).jobs.done).toBeGreaterThan(10);
});

test('the shell line: a dyno that crashed ends with exit code 0', async () => {
  const report = await rehearse('shell_line', SHELL_LINE, ['--scenarios', 'crash'], 1);
  expect(report).toMatchObject({ verdict: 'bad', app: { standIns: false } });
  expect(badOf(report)).toEqual(['web.1 puma killed: exit status', 'web.1 sidekiq killed: exit status']);
  expect(report.scenarios[0]?.figures).toMatchObject({
    cases: [
      { child: 'shell', isFirst: true },
      { child: 'puma', status: 0 },
      { child: 'sidekiq', status: 0 },
    ],
  });
});
