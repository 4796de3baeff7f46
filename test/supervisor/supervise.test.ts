import { expect, test } from 'vitest';
import type { Cancel } from '../../src/host/host.ts';
import type { Fact } from '../../src/facts.ts';
import { supervise, type Measures } from '../../src/supervisor/supervise.ts';
import { settled } from '../fakes/clock.ts';
import { FakeHost } from '../fakes/host.ts';
import { web } from '../fakes/plan.ts';
import { toStatus } from './replay.ts';

const nothing = (): Cancel => () => {};

function run(take: Measures = nothing): {
  host: FakeHost;
  facts: Fact[];
  ended: ReturnType<typeof supervise>;
  told: () => string[];
} {
  const host = new FakeHost();
  const facts: Fact[] = [];
  const ended = supervise(web, host, (fact) => void facts.push(fact), take);
  return { host, facts, ended, told: () => facts.map(({ fact }) => fact) };
}

test('a life: start, ready, stop, end; no timer and no listener is left', async () => {
  const { host, ended, told } = run();
  host.of('puma').becomeReady();
  await settled();
  host.of('sidekiq').becomeReady();
  await host.clock.advance(60_000);
  host.signal('SIGTERM');
  await settled();
  expect([host.of('puma').signals, host.of('sidekiq').signals]).toEqual([
    ['SIGTERM', 'SIGCONT'],
    ['SIGTERM', 'SIGCONT'],
  ]);
  host.of('sidekiq').exit(toStatus(0));
  host.of('puma').exit(toStatus('SIGTERM'));
  expect(await ended).toMatchObject({ code: 0 });
  expect([host.clock.left, host.listeners.size]).toEqual([0, 0]);
  expect(told()).toEqual(['started', 'ready', 'started', 'ready', 'stopping', 'ended', 'ended']);
});

test('a child that ignores TERM is killed 1.5 s before the budget ends', async () => {
  const { host, ended } = run();
  host.signal('SIGTERM');
  await host.clock.advance(28_499);
  expect(host.killedAll).toBe(0);
  await host.clock.advance(1);
  expect(host.killedAll).toBe(1);
  host.of('puma').exit(toStatus('SIGKILL'));
  expect(await ended).toMatchObject({ code: 137 });
});

test('a child that cannot be killed does not keep us beyond the budget', async () => {
  const { host, ended, told } = run();
  host.signal('SIGTERM');
  await host.clock.advance(29_700);
  expect(await ended).toMatchObject({ code: 137, leaveAtMs: 29_700 });
  expect(told()).toContain('left-behind');
  expect([host.clock.left, host.listeners.size]).toEqual([0, 0]);
});

test('a child ends in the same turn in which it starts', async () => {
  const { host, ended } = run();
  host.of('puma').exit(toStatus(3));
  expect(await ended).toMatchObject({ code: 3 });
  expect([...host.children.keys()]).toEqual(['puma']);
});

test('sidekiq starts anyway when puma takes too long', async () => {
  const { host, told } = run();
  await host.clock.advance(44_999);
  expect([...host.children.keys()]).toEqual(['puma']);
  await host.clock.advance(1);
  expect([...host.children.keys()]).toEqual(['puma', 'sidekiq']);
  expect(told()).toEqual(['started', 'not-waiting', 'started']);
});

test('what outlived the children is named', async () => {
  const { host, ended, facts } = run();
  host.leftovers = { ended: ['ffmpeg (pid 7)'], killed: ['sh (pid 8)'] };
  host.signal('SIGTERM');
  host.of('puma').exit(toStatus(0));
  expect(await ended).toMatchObject({ code: 137 });
  expect(facts.slice(-2)).toEqual([
    { fact: 'leftover', process: 'ffmpeg (pid 7)', how: 'ended' },
    { fact: 'leftover', process: 'sh (pid 8)', how: 'killed' },
  ]);
});
