import { spawn } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tempFolder } from '../harness/dyno.ts';
import { LogReader } from './dyno.ts';
import type { History, RealHistory } from './history.ts';
import { Stats } from './main.ts';
import { realScenarios } from './real-scenario.ts';
import { scenarios, weighted } from './scenario.ts';
import { Pool, replay, scenarioAt, shrink, type Failure, type Seen } from './suite.ts';

type Simple = { faults: readonly number[] };

/** All of eight faults, which shrink to fewer. */
const faults = [1, 2, 3, 4, 5, 6, 7, 8].map((fault) => weighted([1, fc.constant([])], [1e6, fc.constant([fault])]));

/** Scenarios whose violations are a function of their faults. */
function poolOf(check: (faults: readonly number[]) => string[], lagMs = 0): Pool<Simple> {
  return new Pool({
    ...{ slots: 2, close: () => {} },
    scenarios: fc.tuple(...faults).map((all) => ({ faults: all.flat() })),
    run: ({ faults }) => Promise.resolve<Seen>({ history: { lagMs } as History, violations: check(faults) }),
  });
}

async function simplest(pool: Pool<Simple>): Promise<Failure<Simple>> {
  const failure = await replay(100, [10], pool);
  if (failure === null) throw new Error('the scenario passes');
  return shrink(100, failure, pool);
}

test('a failing scenario shrinks to the faults that matter, and its path leads there again', async () => {
  const pool = poolOf((faults) => (faults.includes(3) && faults.includes(7) ? ['process 7 was left: x'] : []));
  const { result, path } = await simplest(pool);
  expect(result.scenario.faults).toEqual([3, 7]);
  expect(await replay(100, path, pool)).toEqual({ result, path });
});

test('shrinking keeps the kind of the violation', async () => {
  const pool = poolOf(({ length }) => [length > 2 ? `exit code ${length}, expected 0` : 'a wrong response']);
  expect((await simplest(pool)).result.violations).toEqual(['exit code 3, expected 0']);
});

test('a scenario fails if it fails once in six runs', async () => {
  let runs = 0;
  const pool = poolOf(() => ((runs += 1) % 6 === 0 ? ['a wrong response'] : []));
  expect((await simplest(pool)).result.scenario.faults).toEqual([]);
  const passing = poolOf(() => []);
  expect(await replay(100, [10, 0], passing)).toBeNull();
});

test('on a machine that is too late, a run is repeated, and proves nothing', async () => {
  let runs = 0;
  const pool = poolOf(() => [`${(runs += 1)}`], 600);
  expect(await pool.run(() => ({ faults: [] }))).toMatchObject({ violations: [], isInconclusive: true });
  expect(runs).toBe(3);
});

test('the log is read from a pipe, and from a socket, of which stderr is kept apart', async () => {
  const folder = tempFolder();
  const texts = (['pipe', 'socket'] as const).map(async (kind) => {
    const reader = new LogReader(kind, folder);
    reader.attach(spawn('sh', ['-c', 'echo out; echo err >&2'], { stdio: ['ignore', reader.stdio, reader.stdio] }));
    return [await reader.readAll(1000), reader.stderr];
  });
  expect(await Promise.all(texts)).toEqual([
    ['out\nerr\n', ''],
    ['out\n', 'err\n'],
  ]);
});

test('the statistics count requests, jobs and exits', () => {
  const response = { isComplete: true, isCorrect: true };
  const results = [{ status: 200, ...response }, { status: 503, ...response }, 'connection-failed'] as const;
  const cut = { status: 200, isComplete: false, isCorrect: false };
  const common = { end: { code: null, signal: 'SIGTERM' }, injected: [], lagMs: 301 } as const;
  const scripted = { ...common, events: [], requests: [...results, cut].map((result) => ({ result })) };
  const real = {
    ...common,
    jobs: ['a', 'b', 'c', 'd'].map((id) => ({ id, atMs: 0 })),
    events: [{ id: 'a', event: 'finished' }],
    ...{ waitingJobs: ['b', 'c'], requests: [] },
  };
  const stats = new Stats();
  const more = { violations: [], isInconclusive: false };
  stats.add({ scenario: scenarioAt(scenarios, 1, [1]), history: scripted as unknown as History, ...more });
  stats.add({ scenario: scenarioAt(realScenarios, 1, [0]), history: real as unknown as RealHistory, ...more });
  stats.add({ scenario: scenarioAt(scenarios, 1, [2]), history: null, ...more });
  for (const part of [
    'dynos: 3, 1 of them with the real puma',
    'requests: 4, of which 1 were answered and 1 were refused; the others were cut',
    'jobs: 4. 1 were done, 2 stayed in Redis for the next dyno, and 1 were lost',
    'exit codes: SIGTERM 2, none, the harness failed 1',
  ])
    expect(stats.describe()).toContain(part);
});
