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

function run(prepare: (host: FakeHost) => void = () => {}): {
  host: FakeHost;
  result: ReturnType<typeof release>;
  logged: string[];
} {
  const host = new FakeHost();
  prepare(host);
  const logged: string[] = [];
  return { host, logged, result: release(plan, host, ({ event }) => void logged.push(event)) };
}

test('the steps run in order, each after the success of the one before', async () => {
  const { host, result, logged } = run();
  await settled();
  expect([...host.children.keys()]).toEqual(['migrate']);
  host.of('migrate').exit(toStatus(0));
  await settled();
  host.of('after-migrate').exit(toStatus(0));
  expect(await result).toEqual({
    code: 0,
    reason: 'migrate and after-migrate done',
    cause: 'done',
    exitAtMs: Infinity,
  });
  expect(logged).toEqual(['started', 'exited', 'started', 'exited']);
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
});

test('the first step that fails ends the release with its exit code', async () => {
  for (const [status, code] of [
    [3, 3],
    ['SIGKILL', 137],
    [Object.assign(new Error('no rails'), { code: 'ENOENT' }), 127],
  ] as const) {
    const { host, result } = run();
    await settled();
    host.of('migrate').exit(toStatus(status));
    expect(await result).toMatchObject({ code });
    expect([...host.children.keys()]).toEqual(['migrate']);
  }
});

test('SIGTERM is forwarded to the running step, whose exit code becomes the result', async () => {
  const { host, result, logged } = run();
  await settled();
  host.signal('SIGTERM');
  host.signal('SIGTERM');
  expect(host.of('migrate').signals).toEqual(['SIGTERM', 'SIGCONT']);
  expect(logged.at(-1)).toBe('stopping');
  host.of('migrate').exit(toStatus(1));
  expect(await result).toMatchObject({
    code: 1,
    reason: 'asked to stop by SIGTERM; migrate exited with code 1; the release stops here',
    exitAtMs: 29_700,
  });
});

test('no step follows one that succeeds despite SIGTERM: the release is not complete', async () => {
  const { host, result } = run();
  await settled();
  host.signal('SIGTERM');
  host.of('migrate').exit(toStatus(0));
  expect(await result).toMatchObject({ code: 143 });
  expect([...host.children.keys()]).toEqual(['migrate']);
});

test('a SIGTERM before the first step has a pid reaches it', async () => {
  const { host, result } = run();
  host.signal('SIGTERM');
  await settled();
  expect(host.of('migrate').signals).toEqual(['SIGTERM', 'SIGCONT']);
  host.of('migrate').exit(toStatus('SIGTERM'));
  expect(await result).toMatchObject({ code: 143 });
});

test('a step that ignores SIGTERM is killed at the deadline, or at a second SIGINT', async () => {
  const late = run();
  await settled();
  late.host.signal('SIGTERM');
  await late.host.clock.advance(28_500);
  expect(late.host.killedAll).toBe(1);
  late.host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await late.result).toMatchObject({
    code: 137,
    reason: 'asked to stop by SIGTERM; migrate was killed by the supervisor; the release stops here',
  });

  const twice = run();
  await settled();
  twice.host.signal('SIGINT');
  twice.host.signal('SIGINT');
  expect(twice.host.killedAll).toBe(1);
  twice.host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await twice.result).toMatchObject({ code: 137 });
});

test('a step that not even SIGKILL ends is left behind 0.3 s before the platform kills', async () => {
  const { host, result, logged } = run();
  await settled();
  host.signal('SIGTERM');
  await host.clock.advance(29_699);
  expect(logged.at(-1)).toBe('killing');
  await host.clock.advance(1);
  expect(await result).toEqual({
    code: 137,
    reason: 'asked to stop by SIGTERM; migrate had to be killed; the release stops here',
    cause: 'signal',
    signal: 'SIGTERM',
    exitAtMs: 29_700,
  });
  expect(logged.at(-1)).toBe('unkillable');
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
});

test('leftovers that not even SIGKILL ends do not delay the exit', async () => {
  const { host, result, logged } = run();
  host.reapAllEnds = new Promise(() => {});
  await settled();
  host.signal('SIGTERM');
  host.of('migrate').exit(toStatus('SIGTERM'));
  await host.clock.advance(29_700);
  expect(await result).toMatchObject({ code: 143, exitAtMs: 29_700 });
  expect(logged.at(-1)).toBe('unkillable');
});

test('after an internal error what the steps have started is ended', async () => {
  const { host, result } = run((fake) => (fake.runCommand = () => Promise.reject(new Error('broken'))));
  await expect(result).rejects.toThrow('broken');
  expect(host.reapedAllUntilMs).toEqual([1000]);
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
});

test('signals for puma or sidekiq are not forwarded to a step', async () => {
  const { host, result } = run();
  await settled();
  host.signal('SIGUSR1');
  expect(host.of('migrate').signals).toEqual([]);
  host.of('migrate').exit(toStatus(1));
  await result;
});

test('leftovers of a successful release get a second; a second SIGINT kills them at once', async () => {
  const { host, result } = run();
  let finishReaping: () => void = () => {};
  host.reapAllEnds = new Promise((resolve) => (finishReaping = resolve));
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
  finishReaping();
  expect(await result).toMatchObject({ code: 0 });
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
});

test('a second SIGINT before the first step has a pid kills it and its leftovers once it has', async () => {
  const { host, result } = run();
  host.signal('SIGINT');
  host.signal('SIGINT');
  await settled();
  expect(host.killedAll).toBe(1);
  host.of('migrate').exit(toStatus('SIGKILL'));
  expect(await result).toMatchObject({ code: 137 });
  expect(host.reapedAllUntilMs.at(-1)).toBe(0);
});
