import { expect, test } from 'vitest';
import type { ReleasePlan } from '../../src/plan/spec.ts';
import { release } from '../../src/release/release.ts';
import { settled } from '../fakes/clock.ts';
import { FakeHost } from '../fakes/host.ts';
import { toStatus } from '../supervisor/replay.ts';

const plan: ReleasePlan = {
  kind: 'release',
  role: 'release',
  steps: [
    { name: 'migrate', command: ['migrate'], env: {} },
    { name: 'after-migrate', command: ['after'], env: {} },
  ],
  stop: { budgetMs: 30_000, killAfterMs: 28_500, exitAfterMs: 29_700 },
  warnings: [],
};

function run(): { host: FakeHost; ended: ReturnType<typeof release>; told: string[] } {
  const host = new FakeHost();
  const told: string[] = [];
  return { host, told, ended: release(plan, host, ({ event }) => void told.push(event)) };
}

test('the steps in order, each when the one before has worked', async () => {
  const { host, ended, told } = run();
  await settled();
  expect([...host.children.keys()]).toEqual(['migrate']);
  host.of('migrate').exit(toStatus(0));
  await settled();
  host.of('after-migrate').exit(toStatus(0));
  expect(await ended).toEqual({
    code: 0,
    reason: 'migrate and after-migrate done',
    cause: 'done',
    exitAtMs: Infinity,
  });
  expect(told).toEqual(['started', 'exited', 'started', 'exited']);
  expect([host.clock.left, host.listeners.size]).toEqual([0, 0]);
});

test.each([
  [3, 3],
  ['SIGKILL' as const, 137],
  [Object.assign(new Error('no rails'), { code: 'ENOENT' }), 127],
])('the first failure ends it with its code: %s', async (status, code) => {
  const { host, ended } = run();
  await settled();
  host.of('migrate').exit(toStatus(status));
  expect(await ended).toMatchObject({ code });
  expect([...host.children.keys()]).toEqual(['migrate']);
});

test('TERM is handed on and waited for; what it makes of the step is the code', async () => {
  const { host, ended, told } = run();
  await settled();
  host.signal('SIGTERM');
  host.signal('SIGTERM');
  expect(host.of('migrate').signals).toEqual(['SIGTERM', 'SIGCONT']);
  expect(told.at(-1)).toBe('stopping');
  host.of('migrate').exit(toStatus(1));
  expect(await ended).toMatchObject({
    code: 1,
    reason: 'asked to stop by SIGTERM; migrate exited with code 1; the release stops here',
    exitAtMs: 29_700,
  });
});

test('a step that works in spite of TERM is not followed by another: the release is not complete', async () => {
  const { host, ended } = run();
  await settled();
  host.signal('SIGTERM');
  host.of('migrate').exit(toStatus(0));
  expect(await ended).toMatchObject({ code: 143 });
  expect([...host.children.keys()]).toEqual(['migrate']);
});

test('a TERM before the first step has its pid reaches it', async () => {
  const { host, ended } = run();
  host.signal('SIGTERM');
  await settled();
  expect(host.of('migrate').signals).toEqual(['SIGTERM', 'SIGCONT']);
  host.of('migrate').exit(toStatus('SIGTERM'));
  expect(await ended).toMatchObject({ code: 143 });
});

test('what ignores TERM is killed at the deadline, or at a second INT', async () => {
  const late = run();
  await settled();
  late.host.signal('SIGTERM');
  await late.host.clock.advance(28_500);
  expect(late.host.killedAll).toBe(1);
  late.host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await late.ended).toMatchObject({
    code: 137,
    reason: 'asked to stop by SIGTERM; migrate was killed by the supervisor; the release stops here',
  });

  const twice = run();
  await settled();
  twice.host.signal('SIGINT');
  twice.host.signal('SIGINT');
  expect(twice.host.killedAll).toBe(1);
  twice.host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await twice.ended).toMatchObject({ code: 137 });
});

test('signals for other kinds of children are not for a migration', async () => {
  const { host, ended } = run();
  await settled();
  host.signal('SIGUSR1');
  expect(host.of('migrate').signals).toEqual([]);
  host.of('migrate').exit(toStatus(1));
  await ended;
});

test('what a good release leaves behind has a second; a second INT does not wait for it', async () => {
  const { host, ended } = run();
  let gone: () => void = () => {};
  host.reapAllEnds = new Promise((resolve) => (gone = resolve));
  await settled();
  host.of('migrate').exit(toStatus(0));
  await settled();
  host.of('after-migrate').exit(toStatus(0));
  await settled();
  expect(host.reapedAllUntilMs).toEqual([1000]);
  await host.clock.advance(10);
  host.signal('SIGINT');
  host.signal('SIGINT');
  expect(host.reapedAllUntilMs).toEqual([1000, 10]);
  gone();
  expect(await ended).toMatchObject({ code: 0 });
  expect([host.clock.left, host.listeners.size]).toEqual([0, 0]);
});

test('a second INT before the first step is there kills it, and what it leaves, as soon as it is', async () => {
  const { host, ended } = run();
  host.signal('SIGINT');
  host.signal('SIGINT');
  await settled();
  expect(host.killedAll).toBe(1);
  host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await ended).toMatchObject({ code: 137 });
  expect(host.reapedAllUntilMs.at(-1)).toBe(0);
});
