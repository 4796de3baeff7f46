import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readProcess } from '../../src/linux/processes.ts';
import { ProcessTracker } from '../../src/process/process-tracker.ts';
import { findDescendants, type TrackedProcess, toTracked } from '../../src/process/process-tree.ts';
import { eventually } from '../harness/eventually.ts';
import { ProcessScenario, SLEEPER } from './process-scenario.ts';

function tracked(child: string, pid: number): TrackedProcess {
  const row = readProcess(pid);
  if (row === null) throw new Error(`${pid} has exited`);
  return toTracked(row, child);
}

function idOf(pid: number): { pid: number; started: string } {
  return { pid, started: readProcess(pid)?.started ?? '' };
}

test('on a kernel that lists no children all processes are read, and the same ones are found', async () => {
  const scenario = new ProcessScenario();
  const puma = scenario.start(`${SLEEPER} a & sh -c "${SLEEPER.replaceAll('$', '\\$')} b; :" & wait`);
  const sidekiq = scenario.start(`setsid ${SLEEPER} c & wait`);
  for (const name of ['a', 'b', 'c']) await scenario.pid(name);
  const roots = [tracked('puma', puma.pid), tracked('sidekiq', sidekiq.pid), tracked('other', await scenario.pid('c'))];
  const [byChildrenFiles, byTable] = [true, false].map((hasChildrenFiles) =>
    [...findDescendants(roots, hasChildrenFiles).values()].sort((a, b) => a.pid - b.pid),
  );
  expect(byChildrenFiles).toHaveLength(6);
  expect(byTable).toEqual(byChildrenFiles);
  const c = byChildrenFiles?.find(({ pid }) => pid === roots[2]?.pid);
  expect(c).toMatchObject({ child: 'sidekiq', leadsSession: true });
  for (const hasChildrenFiles of [true, false]) {
    expect(findDescendants([{ ...tracked('puma', puma.pid), started: 'x' }], hasChildrenFiles)).toEqual(new Map());
  }
});

test('each process is known with its child, even after its parent has exited', async () => {
  const scenario = new ProcessScenario();
  const tracker = new ProcessTracker(scenario.marker);
  const puma = scenario.start(`exec ${SLEEPER} p`);
  const sidekiq = scenario.start(`setsid ${SLEEPER} daemon & while [ ! -e go ]; do sleep 0.01; done`);
  tracker.add(puma.pid, 'puma');
  tracker.add(sidekiq.pid, 'sidekiq');
  const [p, daemon] = [await scenario.pid('p'), await scenario.pid('daemon')];
  tracker.scan();
  writeFileSync(join(scenario.folder, 'go'), '');
  await sidekiq.exited;
  for (let round = 0; round < 3; round += 1) {
    expect(new Map(tracker.scan().map(({ pid, child }) => [pid, child]))).toEqual(
      new Map([
        [p, 'puma'],
        [daemon, 'sidekiq'],
      ]),
    );
    tracker.findLiving();
  }
  expect(tracker.findLivingOf('sidekiq').map(({ pid }) => pid)).toEqual([daemon]);
});

test('a restarted child keeps its name', async () => {
  const scenario = new ProcessScenario();
  const tracker = new ProcessTracker(scenario.marker);
  for (const name of ['a', 'b']) {
    const { pid } = scenario.start(`exec ${SLEEPER} ${name}`);
    tracker.add(pid, 'sidekiq');
    await scenario.pid(name);
  }
  expect(tracker.scan().map(({ child }) => child)).toEqual(['sidekiq', 'sidekiq']);
});

test('it does not grow with processes that start and exit', async () => {
  const scenario = new ProcessScenario();
  const tracker = new ProcessTracker(scenario.marker);
  const child = scenario.start(
    `exec perl -e 'while (1) { fork or do { exec "setsid", "true" }; fork or exit; wait; wait }'`,
  );
  tracker.add(child.pid, 'sidekiq');
  let maxSize = 0;
  const seen = new Set<number>();
  await eventually(() => {
    for (const { pid } of tracker.scan()) seen.add(pid);
    maxSize = Math.max(maxSize, tracker.size);
    if (seen.size < 100) throw new Error(`${seen.size} processes seen`);
  });
  expect(maxSize).toBeLessThan(40);
  const started = Array.from({ length: 30 }, () => scenario.start('true'));
  for (const { pid } of started) tracker.add(pid, 'sidekiq');
  await Promise.all(started.map(({ exited }) => exited));
  child.signal('SIGKILL');
  await child.exited;
  tracker.scan();
  tracker.scan();
  expect(tracker.size).toBeLessThan(17);
});

test('only descendants of the children belong to the dyno', async () => {
  const [scenario, unrelated] = [new ProcessScenario(), new ProcessScenario()];
  const tracker = new ProcessTracker(scenario.marker);
  const child = scenario.start(`${SLEEPER} a & sh -c "${SLEEPER.replaceAll('$', '\\$')} b; :" & wait`);
  tracker.add(child.pid, 'sidekiq');
  const unrelatedChild = unrelated.start(`setsid ${SLEEPER} far & ${SLEEPER} near & wait`, true);
  const ours = [child.pid, await scenario.pid('a'), await scenario.pid('b')];
  const others = [
    unrelatedChild.pid,
    await unrelated.pid('far'),
    await unrelated.pid('near'),
    process.pid,
    process.ppid,
    1,
  ];
  expect(ours.map((pid) => tracker.has(idOf(pid)))).toEqual([true, true, true]);
  expect(others.map((pid) => tracker.has(idOf(pid)))).toEqual(others.map(() => false));
});

test('a process with a reused pid does not belong to the dyno', async () => {
  const scenario = new ProcessScenario();
  const tracker = new ProcessTracker(scenario.marker);
  const child = scenario.start(`${SLEEPER} a & wait`);
  tracker.add(child.pid, 'sidekiq');
  const { pid, started } = idOf(await scenario.pid('a'));
  expect(tracker.has({ pid, started })).toBe(true);
  expect(tracker.has({ pid, started: `${started}0` })).toBe(false);
  expect(tracker.has({ pid: 0, started: '' })).toBe(false);
  expect(tracker.has({ pid: 2 ** 22 + 1, started })).toBe(false);
});

test('pruning forgets an exited leader without a session, because its pid may be reused', async () => {
  const scenario = new ProcessScenario();
  const tracker = new ProcessTracker(scenario.marker);
  const { pid, exited } = scenario.start(`exec ${SLEEPER} a`);
  tracker.add(pid, 'sidekiq');
  process.kill(await scenario.pid('a'), 'SIGKILL');
  await exited;
  expect([tracker.scan().length, tracker.size]).toEqual([0, 1]);
  tracker.prune();
  expect(tracker.size).toBe(0);
});
