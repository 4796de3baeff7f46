import { describe, expect, test } from 'vitest';
import type { SupervisorEvent } from '../../src/commands.ts';
import type { LogEvent } from '../../src/log/events.ts';
import type { ServePlan } from '../../src/plan/spec.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { settled } from '../fakes/clock.ts';
import { FakeHost } from '../fakes/host.ts';
import { child, onDemand, servePlan, web } from '../fakes/plan.ts';
import { toStatus } from './replay.ts';

/** Runs a dyno on a fake host. `names` returns the names of the log events so far. */
function run(plan: ServePlan = web) {
  const host = new FakeHost();
  const logged: LogEvent[] = [];
  const supervisor = new Supervisor(plan, host, (event) => void logged.push(event));
  const outcome = supervisor.run();
  return { host, supervisor, logged, outcome, names: () => logged.map(({ event }) => event) };
}

/** The event of a subscriber in short: `puma ready observed`. */
function describeEvent(event: SupervisorEvent): string {
  if (event.type === 'child-changed') return `${event.child} ${event.state} ${event.readiness ?? ''}`.trim();
  return 'child' in event ? `${event.type} ${event.child}` : event.type;
}

test('a dyno starts, becomes ready, stops and exits; no timer or listener is left', async () => {
  const { host, outcome, names } = run();
  host.of('puma').becomeReady();
  await settled();
  host.of('sidekiq').becomeReady();
  await host.clock.advance(60_000);
  host.signal('SIGTERM');
  await settled();
  const signals = ['SIGTERM', 'SIGCONT'];
  expect([host.of('puma').signals, host.of('sidekiq').signals]).toEqual([signals, signals]);
  host.of('sidekiq').exit(toStatus(0));
  host.of('puma').exit(toStatus('SIGTERM'));
  expect(await outcome).toMatchObject({ code: 0 });
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
  expect(names()).toEqual(['started', 'ready', 'started', 'ready', 'stopping', 'exited', 'exited']);
});

test('a child that ignores SIGTERM is killed 1.5 s before the platform would', async () => {
  const { host, outcome } = run();
  host.signal('SIGTERM');
  await host.clock.advance(28_499);
  expect(host.killedAll).toBe(0);
  await host.clock.advance(1);
  expect(host.killedAll).toBe(1);
  host.of('puma').exit(toStatus('SIGKILL'));
  expect(await outcome).toMatchObject({ code: 137 });
});

test('a child that cannot be killed does not delay the exit', async () => {
  const { host, outcome, names } = run();
  host.signal('SIGTERM');
  await host.clock.advance(29_700);
  expect(await outcome).toMatchObject({ code: 137, exitAtMs: 29_700 });
  expect(names()).toContain('unkillable');
  expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
});

test('a child that exits in the turn in which it starts ends the dyno', async () => {
  const { host, outcome } = run();
  host.of('puma').exit(toStatus(3));
  expect(await outcome).toMatchObject({ code: 3 });
  expect([...host.children.keys()]).toEqual(['puma']);
});

test('sidekiq starts anyway when puma takes too long', async () => {
  const { host, names } = run();
  await host.clock.advance(44_999);
  expect([...host.children.keys()]).toEqual(['puma']);
  await host.clock.advance(1);
  expect([...host.children.keys()]).toEqual(['puma', 'sidekiq']);
  expect(names()).toEqual(['started', 'dependency-timeout', 'started']);
});

test('leftover processes are logged by name', async () => {
  const { host, outcome, logged } = run();
  host.leftovers = { ended: ['ffmpeg (pid 7)'], killed: ['sh (pid 8)'] };
  host.signal('SIGTERM');
  host.of('puma').exit(toStatus(0));
  expect(await outcome).toMatchObject({ code: 137 });
  expect(logged.slice(-2)).toEqual([
    { event: 'leftover', process: 'ffmpeg (pid 7)', how: 'ended' },
    { event: 'leftover', process: 'sh (pid 8)', how: 'killed' },
  ]);
});

describe('subscribers', () => {
  test('a late subscriber gets a snapshot that distinguishes observed from assumed readiness', async () => {
    const { host, supervisor } = run(servePlan(child('puma'), child('sidekiq'), onDemand('streaming', 900_000)));
    host.of('puma').becomeReady();
    await host.clock.advance(60_000);
    const events: string[] = [];
    supervisor.subscribe((event) => void events.push(describeEvent(event)));
    expect(events).toEqual(['puma ready observed', 'sidekiq ready assumed', 'streaming stopped']);
  });

  test('a subscriber gets the stop event before SIGTERM is sent in the same turn', async () => {
    const { host, supervisor } = run();
    const events: string[] = [];
    supervisor.subscribe((event) => void events.push(`${describeEvent(event)} ${host.of('puma').signals.length}`));
    host.signal('SIGTERM');
    await settled();
    expect(events.slice(1)).toEqual(['sidekiq pending 0', 'dyno-stopping 0']);
    expect(host.of('puma').signals).toEqual(['SIGTERM', 'SIGCONT']);
    const late: string[] = [];
    supervisor.subscribe((event) => void late.push(describeEvent(event)));
    expect(late).toContain('dyno-stopping');
  });

  test('a subscriber gets no second event when only the leftovers of a child are killed', async () => {
    const { host, supervisor } = run(servePlan(child('sidekiq')));
    const killAtOnce = (): void =>
      supervisor.request({
        type: 'restart',
        mode: 'emergency',
        child: 'sidekiq',
        reason: '',
        immediate: true,
        lastResort: 'none',
      });
    host.reapEnds = new Promise(() => {});
    host.of('sidekiq').becomeReady();
    await host.clock.advance(600_000);
    killAtOnce();
    await settled();
    const events: string[] = [];
    host.of('sidekiq').exit(toStatus('SIGTERM'));
    await settled();
    supervisor.subscribe((event) => void events.push(describeEvent(event)));
    killAtOnce();
    killAtOnce();
    await settled();
    expect(host.killedTrees).toEqual(['sidekiq']);
    expect(events).toEqual(['sidekiq cleaning-up']);
  });

  test('a cancelled subscriber gets no more events', async () => {
    const { host, supervisor } = run();
    const events: string[] = [];
    supervisor.subscribe((event) => void events.push(describeEvent(event)))();
    host.of('puma').becomeReady();
    await settled();
    expect(events).toEqual(['puma starting', 'sidekiq pending']);
  });

  test('a start is denied under memory pressure; startable is published when a backoff ends', async () => {
    const plan = servePlan(child('puma'), onDemand('streaming', 900_000));
    const { supervisor, host } = run(plan);
    const events: string[] = [];
    supervisor.subscribe((event) => void events.push(describeEvent(event)));
    supervisor.request({ type: 'memory-pressure', reason: 'memory 819 of 512 MB (160 %)' });
    supervisor.request({ type: 'demand-started', child: 'streaming' });
    await settled();
    expect(events.slice(2)).toEqual(['start-denied streaming']);
    supervisor.request({ type: 'memory-pressure', reason: null });
    supervisor.request({ type: 'demand-started', child: 'streaming' });
    await settled();
    expect(events.slice(3)).toEqual(['streaming starting']);
    host.of('streaming').exit(toStatus(1));
    await settled();
    supervisor.request({ type: 'demand-started', child: 'streaming' });
    await host.clock.advance(1000);
    expect(events.slice(4)).toEqual(['streaming cleaning-up', 'streaming stopped', 'startable streaming']);
  });
});

describe('an internal error stops the dyno as any other reason does', () => {
  const fault = new Error('broken');
  const fail = (): never => {
    throw fault;
  };
  const faults: [string, (running: ReturnType<typeof run>) => void][] = [
    [
      'a start',
      ({ host }) => {
        host.spawn = fail;
        host.of('puma').becomeReady();
      },
    ],
    [
      'a subscriber',
      ({ host, supervisor }) => {
        supervisor.subscribe(({ type }) => {
          if (type === 'dyno-stopping') fail();
        });
        host.signal('SIGTERM');
      },
    ],
    [
      'a scan, which every stop repeats',
      ({ host }) => {
        host.scan = fail;
        host.signal('SIGTERM');
      },
    ],
  ];

  test.each(faults)('in %s: the children get SIGTERM, then SIGKILL, and the error is logged', async (_, cause) => {
    const { host, supervisor, outcome, logged, names } = run();
    cause({ host, supervisor, outcome, logged, names });
    await host.clock.advance(28_499);
    expect(host.of('puma').signals).toContain('SIGTERM');
    expect(host.killedAll).toBe(0);
    await host.clock.advance(1);
    expect(host.killedAll).toBe(1);
    host.of('puma').exit(toStatus('SIGKILL'));
    expect(await outcome).toMatchObject({ exitAtMs: 29_700 });
    expect(logged).toContainEqual({ event: 'internal-error', stack: fault.stack });
    expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
  });

  test('the exit code is 70, and nothing is waited for that could not start', async () => {
    const { host, outcome, logged } = run();
    host.spawn = fail;
    host.of('puma').becomeReady();
    await settled();
    host.of('puma').exit(toStatus(0));
    expect(await outcome).toMatchObject({ code: 70, reason: 'internal error: broken', cause: 'internal-error' });
    expect(logged).toContainEqual({
      event: 'stopping',
      reason: 'internal error: broken',
      children: ['puma', 'sidekiq'],
      killAfterMs: 28_500,
    });
  });

  test('a failure after the first reason to stop is logged, and changes neither cause nor deadlines', async () => {
    const { host, outcome, names } = run();
    host.reapAll = () => Promise.reject(fault);
    host.signal('SIGTERM');
    host.of('puma').exit(toStatus(0));
    expect(await outcome).toMatchObject({ code: 0, cause: 'signal', exitAtMs: 29_700 });
    expect(names()).toEqual(['started', 'stopping', 'exited', 'internal-error']);
    expect(host.killedAll).toBe(1); // what could not be reaped is killed at once
  });
});

describe('behind a router', () => {
  const routed = servePlan(child('puma', { drainMs: 10_000 }), onDemand('streaming', 900_000));

  /** A dyno whose puma is ready, and the commands that a router sends. */
  async function runRouted() {
    const running = run(routed);
    const { host, supervisor } = running;
    host.of('puma').becomeReady();
    await settled();
    return {
      ...running,
      demandStarts: () => supervisor.request({ type: 'demand-started', child: 'streaming' }),
      demandEnds: () => supervisor.request({ type: 'demand-ended', child: 'streaming' }),
      pumaIsIdle: () => supervisor.request({ type: 'idle', child: 'puma' }),
    };
  }

  test('streaming starts on demand and stops when idle, repeatedly; no timer is left', async () => {
    const { host, outcome, demandStarts, demandEnds, pumaIsIdle, names } = await runRouted();
    for (let cycle = 0; cycle < 2; cycle += 1) {
      demandStarts();
      await settled();
      host.of('streaming').becomeReady();
      await host.clock.advance(1000);
      demandEnds();
      await host.clock.advance(899_999);
      expect(host.of('streaming').signals).toEqual([]);
      await host.clock.advance(1);
      expect(host.of('streaming').signals).toEqual(['SIGTERM', 'SIGCONT']);
      host.of('streaming').exit(toStatus(0));
      await settled();
    }
    expect(host.reapedChildren).toEqual(['streaming', 'streaming']);
    const cycleEvents = ['started', 'ready', 'idle-stopped', 'exited'];
    expect(names()).toEqual(['started', 'ready', ...cycleEvents, ...cycleEvents]);
    await host.clock.advance(60_000);
    expect(host.clock.pendingTimers).toBe(0);
    host.signal('SIGTERM');
    pumaIsIdle();
    await settled();
    host.of('puma').exit(toStatus('SIGTERM'));
    expect(await outcome).toMatchObject({ code: 0 });
    expect([host.clock.pendingTimers, host.listeners.size]).toEqual([0, 0]);
  });

  test('ten thousand connections share one idle timer', async () => {
    const { host, demandStarts, demandEnds } = await runRouted();
    demandStarts();
    await settled();
    host.of('streaming').becomeReady();
    await host.clock.advance(60_000);
    const before = host.clock.pendingTimers;
    for (let count = 0; count < 10_000; count += 1) {
      demandStarts();
      demandEnds();
      await settled();
    }
    expect([before, host.clock.pendingTimers]).toEqual([1, 1]);
  });

  test('puma gets SIGTERM when the router reports it idle, or after ten seconds', async () => {
    const { host, pumaIsIdle } = await runRouted();
    host.signal('SIGTERM');
    await host.clock.advance(5000);
    expect(host.of('puma').signals).toEqual([]);
    pumaIsIdle();
    await settled();
    expect(host.of('puma').signals).toEqual(['SIGTERM', 'SIGCONT']);
    const late = await runRouted();
    late.host.signal('SIGTERM');
    await late.host.clock.advance(10_000);
    expect(late.host.of('puma').signals).toEqual(['SIGTERM', 'SIGCONT']);
  });

  test('three failed starts of streaming end the dyno', async () => {
    const { host, outcome, demandStarts, pumaIsIdle, logged } = await runRouted();
    for (let start = 0; start < 3; start += 1) {
      demandStarts();
      await settled();
      host.of('streaming').exit(toStatus(7));
      await host.clock.advance(4000);
    }
    pumaIsIdle();
    await settled();
    host.of('puma').exit(toStatus(0));
    expect(await outcome).toMatchObject({ code: 7, child: 'streaming' });
    expect(logged.flatMap((event) => (event.event === 'backing-off' ? [event.pauseMs] : []))).toEqual([1000, 2000]);
  });
});
