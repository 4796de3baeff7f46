import { describe, expect, test } from 'vitest';
import type { Cancel } from '../../src/host/host.ts';
import type { Fact } from '../../src/facts.ts';
import type { Measure } from '../../src/measures.ts';
import { supervise, type Measures } from '../../src/supervisor/supervise.ts';
import { settled } from '../fakes/clock.ts';
import { FakeHost } from '../fakes/host.ts';
import { child, onDemand, servePlan, web } from '../fakes/plan.ts';
import { toStatus } from './replay.ts';

const nothing = (): Cancel => () => {};

function run(
  take: Measures = nothing,
  plan = web,
): {
  host: FakeHost;
  facts: Fact[];
  ended: ReturnType<typeof supervise>;
  told: () => string[];
} {
  const host = new FakeHost();
  const facts: Fact[] = [];
  const ended = supervise(plan, host, (fact) => void facts.push(fact), take);
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

describe('behind a router', () => {
  const routed = servePlan(child('puma', { drainMs: 10_000 }), onDemand('streaming', 900_000));

  /** A dyno whose puma is up, and what the router says. */
  async function runRouted() {
    let say: (measure: Measure) => void = () => {};
    const running = run((take) => {
      say = take;
      return () => {};
    }, routed);
    running.host.of('puma').becomeReady();
    await settled();
    const wanted = (): void => say({ type: 'wanted', child: 'streaming', shortage: null });
    const unwanted = (): void => say({ type: 'unwanted', child: 'streaming' });
    const drained = (): void => say({ type: 'drained', child: 'puma' });
    return { ...running, wanted, unwanted, drained };
  }

  test('a life on demand: wanted, unwanted, put to rest, and again; no timer is left', async () => {
    const { host, ended, wanted, unwanted, drained, told } = await runRouted();
    for (let life = 0; life < 2; life += 1) {
      wanted();
      await settled();
      host.of('streaming').becomeReady();
      await host.clock.advance(1000);
      unwanted();
      await host.clock.advance(899_999);
      expect(host.of('streaming').signals).toEqual([]);
      await host.clock.advance(1);
      expect(host.of('streaming').signals).toEqual(['SIGTERM', 'SIGCONT']);
      host.of('streaming').exit(toStatus(0));
      await settled();
    }
    expect(host.clearedTrees).toEqual(['streaming', 'streaming']);
    const inOrder = ['started', 'ready', 'resting', 'ended'];
    expect(told()).toEqual(['started', 'ready', ...inOrder, ...inOrder]);
    await host.clock.advance(60_000);
    expect(host.clock.left).toBe(0);
    host.signal('SIGTERM');
    drained();
    await settled();
    host.of('puma').exit(toStatus('SIGTERM'));
    expect(await ended).toMatchObject({ code: 0 });
    expect([host.clock.left, host.listeners.size]).toEqual([0, 0]);
  });

  test('ten thousand connections come and go: one timer for the idle clock', async () => {
    const { host, wanted, unwanted } = await runRouted();
    wanted();
    await settled();
    host.of('streaming').becomeReady();
    await host.clock.advance(60_000);
    const before = host.clock.left;
    for (let count = 0; count < 10_000; count += 1) {
      wanted();
      unwanted();
      await settled();
    }
    expect([before, host.clock.left]).toEqual([1, 1]);
  });

  test('puma has its TERM when the router says so, or ten seconds later', async () => {
    const { host, drained } = await runRouted();
    host.signal('SIGTERM');
    await host.clock.advance(5000);
    expect(host.of('puma').signals).toEqual([]);
    drained();
    await settled();
    expect(host.of('puma').signals).toEqual(['SIGTERM', 'SIGCONT']);
    const late = await runRouted();
    late.host.signal('SIGTERM');
    await late.host.clock.advance(10_000);
    expect(late.host.of('puma').signals).toEqual(['SIGTERM', 'SIGCONT']);
  });

  test('streaming that cannot be started three times is the end of the dyno', async () => {
    const { host, ended, wanted, drained, facts } = await runRouted();
    for (let start = 0; start < 3; start += 1) {
      wanted();
      await settled();
      host.of('streaming').exit(toStatus(7));
      await host.clock.advance(4000);
    }
    drained();
    await settled();
    host.of('puma').exit(toStatus(0));
    expect(await ended).toMatchObject({ code: 7, child: 'streaming' });
    expect(facts.flatMap((fact) => (fact.fact === 'fell' ? [fact.pauseMs] : []))).toEqual([1000, 2000]);
  });
});
