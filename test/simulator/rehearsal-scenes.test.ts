import { expect, test } from 'vitest';
import { play } from '../../src/simulator/rehearsal/play.ts';
import { reportOf } from '../../src/simulator/rehearsal/report.ts';
import { SCENES, type SceneName } from '../../src/simulator/rehearsal/scene-names.ts';
import { Interrupted, type JobCounts, type Stage } from '../../src/simulator/rehearsal/stage.ts';
import { PLATFORM, scaled } from '../../src/simulator/rules.ts';
import { RehearsalDyno, type Nature } from './rehearsal-dyno.ts';

const MEBIBYTE = 2 ** 20;
type Change = Partial<Nature> & { failed?: number; jobs?: readonly Partial<JobCounts>[]; standIns?: boolean };

/** Plays a scene on a dyno of that nature; `what: figure` of all rows of that verdict. */
async function rowsOf(scene: SceneName, change: Change, verdict: string): Promise<string[]> {
  const report = await reportFor([scene], change);
  const rows = report.scenes.flatMap((one) => one.rows).filter((row) => row.verdict === verdict);
  return rows.map(({ what, figure }) => `${what}: ${figure}`);
}

async function reportFor(scenes: readonly SceneName[], change: Change): Promise<ReturnType<typeof reportOf>> {
  const { simulation, stage } = bed(change);
  return reportOf(simulation.view(), await play(stage, scenes, () => {}));
}

function bed(change: Change = {}): { simulation: RehearsalDyno; stage: Stage; interrupt: () => void } {
  const { failed = 0, jobs = [], standIns = true, ...nature } = change;
  const simulation = new RehearsalDyno(nature);
  simulation.standIns = standIns;
  simulation.boot();
  const interruption = new AbortController();
  const counts = [...jobs];
  let answered = 0;
  const stage: Stage = {
    simulation,
    rules: scaled(PLATFORM, 10),
    clock: simulation.clock,
    interrupted: interruption.signal,
    path: null,
    startLoad: () => ({
      drop: () => {},
      answered: () => Math.min(1000, (answered += 10)),
      stop: () => Promise.resolve({ sent: 1000, failed, failures: [], p50Ms: 2, p99Ms: 9 }),
    }),
    jobs: () => ({ done: 0, lost: 0, inHand: 1, ...counts.shift() }),
    failReleases: (isFailing) => {
      if (standIns) Object.assign(simulation.nature, { releaseFails: isFailing });
      return standIns;
    },
    connectionsLimit: 20,
  };
  return { simulation, stage, interrupt: () => interruption.abort('SIGINT') };
}

test('all scenes, on a dyno as one would have it: nothing bad', async () => {
  const report = await reportFor(SCENES, {});
  expect(report.scenes.map(({ scene }) => scene)).toEqual(SCENES);
  expect(report.scenes.flatMap(({ rows }) => rows).filter(({ verdict }) => verdict === 'bad')).toEqual([]);
});

test.each<[SceneName, Change, string[]]>([
  ['boot', {}, ['web.1 listens after: 1 s', 'web.1 memory at rest: 200M (39 %)']],
  [
    'load',
    {},
    [
      'requests failed: 0 of 1000',
      '99 of 100 within: 9 ms',
      'jobs lost: 0 (0 done)',
      'web.1 memory at the peak: 200M (39 %)',
    ],
  ],
  ['deploy', {}, ['release: succeeded', 'requests failed: 0 of 1000', 'jobs lost: 0 (0 done)', 'exit timeouts: 0']],
  ['release', {}, ['told to fail: failed', 'booted all the same: none', 'ended by it: none']],
])('%s: what is good', async (scene, change, good) => expect(await rowsOf(scene, change, 'good')).toEqual(good));

test.each<[SceneName, string, Change, string[]]>([
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
    ['booted all the same: web.1, life 2', 'ended by it: web.1, life 1'],
  ],
])('%s: %s', async (scene, _, change, bad) => expect(await rowsOf(scene, change, 'bad')).toEqual(bad));

test('crash: each child once, in a known state each time', async () => {
  const report = await reportFor(['crash'], { crash: { status: 0, left: 2 } });
  const { figures, rows } = report.scenes[0] ?? expect.fail('no scene');
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

test('crash: nobody sees it', async () => {
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

test('flood: what nobody ends stays over the quota, until a restart', async () => {
  const bad = await rowsOf('flood', { isNotRelieved: true }, 'bad');
  expect(bad).toEqual([
    'web.1 a convert grows to 1280M: within its quota again: no',
    'web.1 sidekiq leaks: within its quota again: no',
  ]);
});

test('flood: who lives through it', async () => {
  const notes = await rowsOf('flood', {}, 'note');
  expect(notes).toContain('web.1 sidekiq leaks: survived: supervisor, puma, sidekiq');
  expect(notes).toContain('web.1 sidekiq leaks: R14: 1');
});

test.each<SceneName>(['flood', 'release'])('%s is left out where the real parts run', async (scene) => {
  const [row, ...others] = (await reportFor([scene], { standIns: false })).scenes[0]?.rows ?? [];
  expect(row).toMatchObject({ what: 'left out', verdict: 'note' });
  expect(row?.figure).toContain('--stand-ins');
  expect(others).toEqual([]);
});

test('a scene that cannot go on is a bad one, and the others are played', async () => {
  const { stage, simulation } = bed({ releaseFails: true });
  const stuck: Stage = { ...stage, startLoad: () => ({ ...stage.startLoad(null), answered: () => 0 }) };
  const report = reportOf(simulation.view(), await play(stuck, ['load', 'release'], () => {}));
  expect(report.scenes[0]?.rows).toMatchObject([{ what: 'could not go on', verdict: 'bad' }]);
  expect(report.scenes[0]?.rows[0]?.figure).toContain('50 requests answered: not within');
  expect(report.scenes[1]?.verdict).toBe('good');
});

test('a dyno that never boots: said at once for the scenes that need it', async () => {
  const report = await reportFor(['boot', 'load', 'stop'], { bootMs: 1e9 });
  expect(report.scenes.map(({ rows }) => rows.map(({ what, figure }) => `${what}: ${figure}`)[0])).toEqual([
    'web.1 listens after: never',
    'could not go on: web.1 did not boot',
    'could not go on: web.1 did not boot',
  ]);
});

test('deploy: the old life and the new one overlap as long as the old one lasts', async () => {
  expect(await rowsOf('deploy', { stopMs: 700 }, 'note')).toContain('web.1 old and new together: 700 ms');
});

test('an interruption ends it, whatever it waits for', async () => {
  const { stage, interrupt } = bed({ bootMs: 1e9 });
  const end = play(stage, SCENES, interrupt);
  await expect(end).rejects.toThrow(Interrupted);
});

test('the reader of the log reads again after the scene that stalls it', async () => {
  const { stage, simulation } = bed();
  await play(stage, ['stop'], () => {});
  expect(simulation.actions).toContainEqual({ do: 'log-reader', pace: 'stalled' });
  expect(simulation.logReader).toBe('full');
});
