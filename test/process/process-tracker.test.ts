import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readProcess } from '../../src/linux/processes.ts';
import { ProcessTracker } from '../../src/process/process-tracker.ts';
import { findDescendants, type TrackedProcess, toTracked } from '../../src/process/process-tree.ts';
import { eventually } from '../harness/eventually.ts';
import { Family, SLEEPER } from './process-family.ts';

function member(child: string, pid: number): TrackedProcess {
  const row = readProcess(pid);
  if (row === null) throw new Error(`${pid} is gone`);
  return toTracked(row, child);
}

function idOf(pid: number): { pid: number; started: string } {
  return { pid, started: readProcess(pid)?.started ?? '' };
}

test('where the kernel lists no children every process is looked at, and the same are found', async () => {
  const family = new Family();
  const puma = family.start(`${SLEEPER} a & sh -c "${SLEEPER.replaceAll('$', '\\$')} b; :" & wait`);
  const sidekiq = family.start(`setsid ${SLEEPER} c & wait`);
  for (const name of ['a', 'b', 'c']) await family.pid(name);
  const from = [member('puma', puma.pid), member('sidekiq', sidekiq.pid), member('other', await family.pid('c'))];
  const [one, other] = [true, false].map((hasChildren) =>
    [...findDescendants(from, hasChildren).values()].sort((a, b) => a.pid - b.pid),
  );
  expect(one).toHaveLength(6);
  expect(other).toEqual(one);
  const c = one?.find(({ pid }) => pid === from[2]?.pid);
  expect(c).toMatchObject({ child: 'sidekiq', leadsSession: true });
  for (const hasChildren of [true, false]) {
    expect(findDescendants([{ ...member('puma', puma.pid), started: 'x' }], hasChildren)).toEqual(new Map());
  }
});

test('each process is known with its child, and still is when its parent is gone', async () => {
  const family = new Family();
  const families = new ProcessTracker(family.marker);
  const puma = family.start(`exec ${SLEEPER} p`);
  const sidekiq = family.start(`setsid ${SLEEPER} daemon & while [ ! -e go ]; do sleep 0.01; done`);
  families.add(puma.pid, 'puma');
  families.add(sidekiq.pid, 'sidekiq');
  const [p, daemon] = [await family.pid('p'), await family.pid('daemon')];
  families.scan();
  writeFileSync(join(family.folder, 'go'), '');
  await sidekiq.exited;
  for (let look = 0; look < 3; look += 1) {
    expect(new Map(families.scan().map(({ pid, child }) => [pid, child]))).toEqual(
      new Map([
        [p, 'puma'],
        [daemon, 'sidekiq'],
      ]),
    );
    families.findLiving();
  }
  expect(families.findLivingOf('sidekiq').map(({ pid }) => pid)).toEqual([daemon]);
});

test('a child that is started again belongs to the same family', async () => {
  const family = new Family();
  const families = new ProcessTracker(family.marker);
  for (const name of ['a', 'b']) {
    const { pid } = family.start(`exec ${SLEEPER} ${name}`);
    families.add(pid, 'sidekiq');
    await family.pid(name);
  }
  expect(families.scan().map(({ child }) => child)).toEqual(['sidekiq', 'sidekiq']);
});

test('it does not grow with those that come and go', async () => {
  const family = new Family();
  const families = new ProcessTracker(family.marker);
  const child = family.start(
    `exec perl -e 'while (1) { fork or do { exec "setsid", "true" }; fork or exit; wait; wait }'`,
  );
  families.add(child.pid, 'sidekiq');
  let most = 0;
  const seen = new Set<number>();
  await eventually(() => {
    for (const { pid } of families.scan()) seen.add(pid);
    most = Math.max(most, families.size);
    if (seen.size < 100) throw new Error(`${seen.size} seen`);
  });
  expect(most).toBeLessThan(40);
  const started = Array.from({ length: 30 }, () => family.start('true'));
  for (const { pid } of started) families.add(pid, 'sidekiq');
  await Promise.all(started.map(({ exited }) => exited));
  child.signal('SIGKILL');
  await child.exited;
  families.scan();
  families.scan();
  expect(families.size).toBeLessThan(17);
});

test('only what comes from us is ours', async () => {
  const [family, strangers] = [new Family(), new Family()];
  const families = new ProcessTracker(family.marker);
  const child = family.start(`${SLEEPER} a & sh -c "${SLEEPER.replaceAll('$', '\\$')} b; :" & wait`);
  families.add(child.pid, 'sidekiq');
  const stranger = strangers.start(`setsid ${SLEEPER} far & ${SLEEPER} near & wait`, true);
  const ours = [child.pid, await family.pid('a'), await family.pid('b')];
  const others = [stranger.pid, await strangers.pid('far'), await strangers.pid('near'), process.pid, process.ppid, 1];
  expect(ours.map((pid) => families.has(idOf(pid)))).toEqual([true, true, true]);
  expect(others.map((pid) => families.has(idOf(pid)))).toEqual(others.map(() => false));
});

test('a pid that was used again is nobody we know', async () => {
  const family = new Family();
  const families = new ProcessTracker(family.marker);
  const child = family.start(`${SLEEPER} a & wait`);
  families.add(child.pid, 'sidekiq');
  const { pid, started } = idOf(await family.pid('a'));
  expect(families.has({ pid, started })).toBe(true);
  expect(families.has({ pid, started: `${started}0` })).toBe(false);
  expect(families.has({ pid: 0, started: '' })).toBe(false);
  expect(families.has({ pid: 2 ** 22 + 1, started })).toBe(false);
});

test('once pruned, an ended leader without a session is nobody: a stranger may get its pid', async () => {
  const family = new Family();
  const families = new ProcessTracker(family.marker);
  const { pid, exited } = family.start(`exec ${SLEEPER} a`);
  families.add(pid, 'sidekiq');
  process.kill(await family.pid('a'), 'SIGKILL');
  await exited;
  expect([families.scan().length, families.size]).toEqual([0, 1]);
  families.prune();
  expect(families.size).toBe(0);
});
