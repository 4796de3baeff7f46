import { expect, test } from 'vitest';
import { run } from '../../../src/simulator/rehearsal/rehearse.ts';
import { createReport } from '../../../src/simulator/rehearsal/report.ts';
import { type ScenarioName, SCENARIOS } from '../../../src/simulator/rehearsal/figures.ts';
import { Interrupted, type JobCounts, type Context } from '../../../src/simulator/rehearsal/context.ts';
import { PLATFORM, scaleRules } from '../../../src/simulator/platform/rules.ts';
import { FakeDyno, type FakeDynoOptions } from './fake-dyno.ts';

const MEBIBYTE = 2 ** 20;
type Change = Partial<FakeDynoOptions> & { failed?: number; jobs?: readonly Partial<JobCounts>[]; standIns?: boolean };

/** Plays a scenario on a dyno of that nature; `what: figure` of all rows of that verdict. */
async function rowsOf(scenario: ScenarioName, change: Change, verdict: string): Promise<string[]> {
  const report = await reportFor([scenario], change);
  const rows = report.scenarios.flatMap((one) => one.rows).filter((row) => row.verdict === verdict);
  return rows.map(({ what, figure }) => `${what}: ${figure}`);
}

async function reportFor(scenarios: readonly ScenarioName[], change: Change): Promise<ReturnType<typeof createReport>> {
  const { simulation, stage: context } = bed(change);
  return createReport(simulation.view(), await run(context, scenarios, () => {}));
}

function bed(change: Change = {}): { simulation: FakeDyno; stage: Context; interrupt: () => void } {
  const { failed = 0, jobs = [], standIns = true, ...nature } = change;
  const simulation = new FakeDyno(nature);
  simulation.standIns = standIns;
  simulation.boot();
  const interruption = new AbortController();
  const counts = [...jobs];
  let answered = 0;
  const context: Context = {
    simulation,
    rules: scaleRules(PLATFORM, 10),
    clock: simulation.clock,
    interrupted: interruption.signal,
    path: null,
    startLoad: () => ({
      abort: () => {},
      answered: () => Math.min(1000, (answered += 10)),
      stop: () => Promise.resolve({ sent: 1000, failed, failures: [], p50Ms: 2, p99Ms: 9 }),
    }),
    jobs: () => ({ done: 0, lost: 0, busy: 1, ...counts.shift() }),
    failReleases: (isFailing) => {
      if (standIns) Object.assign(simulation.options, { releaseFails: isFailing });
      return standIns;
    },
    connectionsLimit: 20,
  };
  return { simulation, stage: context, interrupt: () => interruption.abort('SIGINT') };
}

test('all scenarios, on a dyno as one would have it: nothing bad', async () => {
  const report = await reportFor(SCENARIOS, {});
  expect(report.scenarios.map(({ scenario }) => scenario)).toEqual(SCENARIOS);
  expect(report.scenarios.flatMap(({ rows }) => rows).filter(({ verdict }) => verdict === 'bad')).toEqual([]);
});

test.each<[ScenarioName, Change, string[]]>([
  ['boot', {}, ['web.1 listens after: 1 s', 'web.1 memory at rest: 200M (39 %)']],
  [
    'load',
    {},
    [
      'requests failed: 0 of 1000',
      '99th percentile: 9 ms',
      'jobs lost: 0 (0 done)',
      'web.1 memory at the peak: 200M (39 %)',
    ],
  ],
  ['deploy', {}, ['release: succeeded', 'requests failed: 0 of 1000', 'jobs lost: 0 (0 done)', 'exit timeouts: 0']],
  ['release', {}, ['forced failure: failed', 'booted anyway: none', 'ended: none']],
])('%s: what is good', async (scenario, change, good) => expect(await rowsOf(scenario, change, 'good')).toEqual(good));

test.each<[ScenarioName, string, Change, string[]]>([
  ['boot', 'takes too long', { bootMs: 7000 }, ['web.1 listens after: 7 s']],
  ['boot', 'leaves no room', { restBytes: 480 * MEBIBYTE }, ['web.1 memory at rest: 480M (94 %)']],
  ['load', 'requests fail', { failed: 2 }, ['requests failed: 2 of 1000']],
  ['load', 'a job is lost', { jobs: [{}, { lost: 1 }] }, ['jobs lost: 1 (0 done)']],
  ['load', 'beyond the quota', { restBytes: 600 * MEBIBYTE }, ['web.1 memory at the peak: 600M (117 %)']],
  ['deploy', 'requests fail', { failed: 1 }, ['requests failed: 1 of 1000']],
  ['deploy', 'R12', { stopCode: 'R12' }, ['exit timeouts: 1']],
  ['stop', 'R12', { stopCode: 'R12', stopMs: 3000 }, ['web.1 ended after: 3 s', 'web.1 exit timeouts: 1']],
  [
    'release',
    'boots all the same',
    { bootsUnreleased: true },
    ['booted anyway: web.1, life 2', 'ended: web.1, life 1'],
  ],
])('%s: %s', async (scenario, _, change, bad) => expect(await rowsOf(scenario, change, 'bad')).toEqual(bad));

test('crash: each child once, in a known state each time', async () => {
  const report = await reportFor(['crash'], { crash: { status: 0, orphans: 2 } });
  const { figures, rows } = report.scenarios[0] ?? expect.fail('no scenario');
  expect(figures).toMatchObject({
    cases: [
      { child: 'supervisor', isFirst: true, status: 0, orphans: 2 },
      { child: 'puma', isFirst: false, status: 0, orphans: 2 },
      { child: 'sidekiq', isFirst: false, status: 0, orphans: 2 },
    ],
  });
  expect(rows.filter(({ verdict }) => verdict === 'bad').map(({ what }) => what)).toEqual([
    'web.1 supervisor killed: exit status',
    'web.1 puma killed: exit status',
    'web.1 puma killed: orphans',
    'web.1 sidekiq killed: exit status',
    'web.1 sidekiq killed: orphans',
  ]);
});

test('crash: no exit is observed', async () => {
  const bad = await rowsOf('crash', { crash: null }, 'bad');
  expect(bad.slice(0, 2)).toEqual([
    'web.1 supervisor killed: exit status: did not end',
    'web.1 supervisor killed: all back after: never',
  ]);
  expect(bad).toHaveLength(6);
});

test('flood: the platform kills the dyno', async () => {
  const bad = await rowsOf('flood', { flood: ['R14', 'R15'] }, 'bad');
  expect(bad).toEqual(['web.1 a convert grows to 1280M: R15: 1', 'web.1 sidekiq leaks: R15: 1']);
  expect(await rowsOf('flood', { flood: ['R14', 'R15'] }, 'note')).toContain(
    'web.1 a convert grows to 1280M: ended: supervisor, puma, sidekiq',
  );
});

test('flood: memory that is not freed stays over the quota until a restart', async () => {
  const bad = await rowsOf('flood', { isNotRelieved: true }, 'bad');
  expect(bad).toEqual([
    'web.1 a convert grows to 1280M: back within its quota: no',
    'web.1 sidekiq leaks: back within its quota: no',
  ]);
});

test('flood: who lives through it', async () => {
  const notes = await rowsOf('flood', {}, 'note');
  expect(notes).toContain('web.1 sidekiq leaks: survived: supervisor, puma, sidekiq');
  expect(notes).toContain('web.1 sidekiq leaks: R14: 1');
});

test.each<ScenarioName>(['flood', 'release'])('%s is left out where the real parts run', async (scenario) => {
  const [row, ...others] = (await reportFor([scenario], { standIns: false })).scenarios[0]?.rows ?? [];
  expect(row).toMatchObject({ what: 'skipped', verdict: 'note' });
  expect(row?.figure).toContain('--stand-ins');
  expect(others).toEqual([]);
});

test('a scenario that cannot go on is a bad one, and the others are played', async () => {
  const { stage: context, simulation } = bed({ releaseFails: true });
  const failed: Context = { ...context, startLoad: () => ({ ...context.startLoad(null), answered: () => 0 }) };
  const report = createReport(simulation.view(), await run(failed, ['load', 'release'], () => {}));
  expect(report.scenarios[0]?.rows).toMatchObject([{ what: 'failed', verdict: 'bad' }]);
  expect(report.scenarios[0]?.rows[0]?.figure).toContain('50 requests answered: not within');
  expect(report.scenarios[1]?.verdict).toBe('good');
});

test('a dyno that never boots: said at once for the scenarios that need it', async () => {
  const report = await reportFor(['boot', 'load', 'stop'], { bootMs: 1e9 });
  expect(report.scenarios.map(({ rows }) => rows.map(({ what, figure }) => `${what}: ${figure}`)[0])).toEqual([
    'web.1 listens after: never',
    'failed: web.1 did not boot',
    'failed: web.1 did not boot',
  ]);
});

test('deploy: the old life and the new one overlap as long as the old one lasts', async () => {
  expect(await rowsOf('deploy', { stopMs: 700 }, 'note')).toContain('web.1 old and new overlap: 700 ms');
});

test('an interruption ends it, whatever it waits for', async () => {
  const { stage: context, interrupt } = bed({ bootMs: 1e9 });
  const end = run(context, SCENARIOS, interrupt);
  await expect(end).rejects.toThrow(Interrupted);
});

test('the reader of the log reads again after the scenario that stalls it', async () => {
  const { stage: context, simulation } = bed();
  await run(context, ['stop'], () => {});
  expect(simulation.actions).toContainEqual({ type: 'log-reader', pace: 'stalled' });
  expect(simulation.logReader).toBe('full');
});
