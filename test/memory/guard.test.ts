import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import type { ProcessUse } from '../../src/host.ts';
import { MemoryGuard } from '../../src/memory/guard.ts';
import type { ChildStateName, MemoryCommand, SupervisorEvent } from '../../src/commands.ts';
import type { MemoryPlan, ServePlan } from '../../src/plan/spec.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeReader } from '../fakes/memory-reader.ts';
import { onDemand, servePlan, web } from '../fakes/plan.ts';
import { atRest, limits, use } from './readings.ts';

const quota = { ...limits, source: 'SUPERVISE_MEMORY_QUOTA', killsAtPercent: 200, cgroup: null };

const isReady = (child: string): SupervisorEvent => ({
  type: 'child-changed',
  child,
  state: 'ready',
  readiness: 'observed',
});
const changed = (child: string, state: ChildStateName): SupervisorEvent => ({
  type: 'child-changed',
  child,
  state,
  readiness: null,
});

/** A guard over a dyno at rest; its children are up, or those that are named, and hold more where that is given. */
function guarded(
  memory: Partial<MemoryPlan> = {},
  dyno: ServePlan = web,
  { ready = ['puma', 'sidekiq'], holds: more = [] }: { ready?: string[]; holds?: ProcessUse[] } = {},
) {
  const clock = new FakeClock();
  const reader = new FakeReader(clock);
  const [logged, requested, preferred, printed]: [LogEvent[], MemoryCommand[], number[], string[]] = [[], [], [], []];
  const plan = { ...dyno, memory: { ...dyno.memory, quota, ...memory } };
  const guard = new MemoryGuard({
    plan,
    reader,
    clock,
    log: (event) => void logged.push(event),
    sendCommand: (command) => void requested.push(command),
    preferForOomKill: ({ pid }) => void preferred.push(pid),
    print: (line) => void printed.push(line),
    dyno: 'run-7',
  });
  for (const child of ready) guard.onEvent(isReady(child));
  holds(reader, ...more);
  guard.start();
  return {
    guard,
    clock,
    reader,
    logged,
    requested,
    preferred,
    printed,
    actions: () => requested.filter(({ type }) => type !== 'memory-pressure'),
    pressure: () => requested.flatMap((command) => (command.type === 'memory-pressure' ? [command.reason] : [])),
  };
}

function holds(reader: FakeReader, ...more: ProcessUse[]): void {
  reader.processes = [...atRest(0).processes, ...more];
}
const convert = (megabytes: number): ProcessUse => use('sidekiq', 'convert', megabytes);

test('at rest: a quick look each second, an exact one every 15 s', async () => {
  const { clock, reader, logged, actions } = guarded();
  await clock.advance(60_000);
  expect(reader.reads).toEqual({ quick: 61, exact: 5 });
  expect([logged, actions()]).toEqual([[], []]);
});

test('a helper is looked at closely, is preferred to the kernel once, and ended when it is too big', async () => {
  const { clock, reader, logged, actions, preferred } = guarded();
  await clock.advance(1000);
  holds(reader, convert(100));
  await clock.advance(2000);
  expect(reader.reads.quick).toBe(2 + 1 + 7);
  holds(reader, convert(400));
  await clock.advance(1000);
  holds(reader, convert(430));
  await clock.advance(2000);
  expect(preferred).toEqual([21]);
  expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 }, killAfterMs: 2000 }]);
  expect(logged).toMatchObject([{ event: 'memory', level: 'warn', usedBytes: 750 * 2 ** 20 }]);
});

test('a new process is looked at within 500 ms, and a helper of 900 MB a second is killed in time', async () => {
  for (const instantMs of [0, 250, 500, 750, 999]) {
    const { clock, reader, actions } = guarded({}, web);
    await clock.advance(5000 + instantMs);
    for (let held = 1; actions().length === 0; held += 18) {
      expect(350 + held).toBeLessThan(1024);
      holds(reader, convert(held));
      await clock.advance(20);
    }
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 } }]);
  }
});

test('nobody is judged by a quick look', async () => {
  const { clock, reader, actions } = guarded();
  const exact = reader.read.bind(reader);
  reader.read = (isExact) => {
    holds(reader, ...(isExact ? [] : [convert(900)]));
    return exact(isExact);
  };
  await clock.advance(10_000);
  expect(actions()).toEqual([]);
});

describe('before any child is ready', () => {
  test('the first look comes at the start, and a helper that is too big is killed', async () => {
    const { clock, actions, preferred } = guarded({}, web, { ready: [], holds: [convert(600)] });
    await clock.advance(0);
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 }, killAfterMs: 0 }]);
    expect(preferred).toEqual([21]);
  });

  test('a helper that takes 450 MB a second is killed before the platform kills', async () => {
    const { clock, reader, actions } = guarded({}, web, { ready: [] });
    await clock.advance(1000);
    for (let held = 0; actions().length === 0; held += 45) {
      expect(350 + held).toBeLessThan(1024);
      holds(reader, convert(held + 1));
      await clock.advance(100);
    }
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 } }]);
  });

  test('a sidekiq that leaks is restarted at the emergency threshold', async () => {
    const { clock, reader, actions } = guarded({}, web, { ready: [] });
    reader.processes = [use('puma', 'ruby3.1', 100), use('sidekiq', 'ruby3.1', 860)];
    await clock.advance(1000);
    expect(actions()[0]).toMatchObject({ type: 'restart', mode: 'emergency', child: 'sidekiq', lastResort: 'none' });
  });
});

test('the kernel says that memory is short: an exact reading at once', async () => {
  const { clock, reader, actions } = guarded();
  await clock.advance(500);
  holds(reader, convert(450));
  reader.beShort();
  expect(actions()).toHaveLength(1);
});

test('a child is up from its readiness to its end, or from when it counts as up', async () => {
  const { guard, clock, reader, actions } = guarded();
  await clock.advance(1000);
  guard.onEvent(changed('sidekiq', 'exited'));
  guard.onEvent(changed('sidekiq', 'starting'));
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toEqual([]);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 200)];
  guard.onEvent({ ...isReady('sidekiq'), readiness: 'assumed' } as SupervisorEvent);
  await clock.advance(1000);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
});

test('a hundred such words a second: five readings', async () => {
  const { clock, reader } = guarded();
  await clock.advance(1000);
  const before = reader.reads.exact;
  for (let word = 0; word < 100; word += 1) {
    reader.beShort();
    await clock.advance(10);
  }
  expect(reader.reads.exact - before).toBeLessThanOrEqual(6);
});

test('a backlog right after the boot: what was held at the readiness is the rest', async () => {
  const { guard, clock, reader, actions, logged } = guarded();
  guard.onEvent(isReady('sidekiq'));
  await clock.advance(1000);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
  expect(logged).toHaveLength(1);
});

test('a helper that runs for long is no reason to look closely', async () => {
  const { clock, reader } = guarded();
  await clock.advance(1000);
  holds(reader, convert(50));
  await clock.advance(61_000);
  const before = reader.reads.quick;
  await clock.advance(10_000);
  expect(reader.reads.quick - before).toBe(10);
});

describe('SUPERVISE_MEMORY_GUARD', () => {
  test('warn: says once what it would do, and does nothing', async () => {
    const { clock, reader, logged, actions, preferred } = guarded({ guard: 'warn' });
    holds(reader, convert(600));
    await clock.advance(3000);
    expect([actions(), preferred]).toEqual([[], []]);
    expect(logged.map((event) => event.event === 'memory' && event.text)).toEqual([
      'memory at 186 % of 512 MB: the largest is convert (started by sidekiq) with 600 MB',
      'memory at 186 % of 512 MB, the platform kills at 200 %, and convert (started by sidekiq) holds 600 MB and grows by 1200 MB a second; would kill convert (pid 21)',
    ]);
  });

  test('off: only the lines that were asked for', async () => {
    const { clock, reader, logged, actions, preferred, printed } = guarded({ guard: 'off', logEveryMs: 20_000 });
    holds(reader, convert(900));
    await clock.advance(60_000);
    expect([logged, actions(), preferred]).toEqual([[], [], []]);
    expect(printed).toHaveLength(3);
  });
});

test('SUPERVISE_MEMORY_LOG: lines as log-runtime-metrics writes them, also without a quota', async () => {
  const { clock, reader, printed } = guarded({ logEveryMs: 20_000 });
  reader.cgroupBytes = 400 * 2 ** 20;
  await clock.advance(20_000);
  expect(printed).toEqual([
    'source=web.1 dyno=run-7 sample#memory_total=400.00MB sample#memory_puma=200.00MB sample#memory_sidekiq=150.00MB sample#memory_supervise=0.00MB sample#memory_quota=512.00MB\n',
  ]);
  const without = guarded({ quota: null, logEveryMs: 1000 });
  await without.clock.advance(1000);
  expect(without.printed[0]).toMatch(/memory_supervise=0.00MB\n$/);
});

test('a time that was slept through is made up for by one line, not by all that were missed', async () => {
  const { clock, reader, printed } = guarded({ logEveryMs: 1000 });
  clock.leap(3_600_000);
  reader.beShort();
  await clock.advance(1000);
  expect(printed).toHaveLength(2);
});

describe('a child that runs on demand', () => {
  const routed = servePlan(...web.children, onDemand('streaming', 900_000));
  const full160 = 'memory at 160 % of 512 MB';
  /** 160 % of the quota, by puma and sidekiq. */
  const full = [use('puma', 'ruby3.1', 519), use('sidekiq', 'ruby3.1', 300)];

  test('is not waited for: the dyno fits its quota without it, and relief is brought', async () => {
    const { clock, reader, actions } = guarded({}, routed);
    await clock.advance(1000);
    reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
    await clock.advance(1000);
    expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
  });

  test('may be started below the mark and not above, from a second later on', async () => {
    const { clock, reader, pressure } = guarded({}, routed);
    expect(pressure()).toEqual([]);
    reader.processes = full;
    await clock.advance(1000);
    expect(pressure()).toEqual([full160]);
    await clock.advance(1000);
    reader.processes = atRest(0).processes;
    await clock.advance(1000);
    expect(pressure()).toEqual([full160, null]);
  });

  test('is not refused for what a quick look counts too often', async () => {
    const { clock, reader, pressure } = guarded({}, routed);
    const read = reader.read.bind(reader);
    reader.read = (isExact) => {
      reader.processes = isExact ? atRest(0).processes : full;
      return { ...read(isExact), costMs: isExact ? 500 : 0 }; // so that the next is some seconds away
    };
    await clock.advance(10_000);
    expect(pressure()).toEqual([]);
  });

  test('the same where a dyno never fitted', async () => {
    const { guard, clock, reader, pressure } = guarded({}, routed);
    reader.processes = full;
    for (const child of ['puma', 'sidekiq']) guard.onEvent(isReady(child));
    await clock.advance(120_000);
    expect(pressure()).toEqual([full160]);
  });

  test('guard warn: it is started, and what would have been is said once', async () => {
    const { guard, clock, reader, requested, logged } = guarded({ guard: 'warn' }, routed);
    reader.processes = full;
    await clock.advance(1000);
    for (const state of ['starting', 'stopped', 'starting'] as const) guard.onEvent(changed('streaming', state));
    expect(requested).toEqual([]);
    const text = `${full160}; would start nothing that runs on demand`;
    expect(logged.filter((event) => event.event === 'memory' && event.text.includes('on demand'))).toEqual([
      { event: 'memory', level: 'warn', text, usedBytes: 819 * 2 ** 20, quotaBytes: 512 * 2 ** 20 },
    ]);
  });

  test('guard warn: what would be stopped before the dyno is named, while it is up', async () => {
    const { guard, clock, reader, logged } = guarded({ guard: 'warn' }, routed);
    const said = (): string[] => logged.flatMap((event) => (event.event === 'memory' ? [event.text] : []));
    await clock.advance(1000);
    guard.onEvent(isReady('streaming'));
    reader.processes = [use('puma', 'ruby3.1', 820), use('sidekiq', 'ruby3.1', 150)];
    await clock.advance(1000);
    expect(said().at(-1)).toBe('memory at 189 % of 512 MB, the platform kills at 200 %; would stop streaming');
    guard.onEvent(changed('streaming', 'exited'));
    await clock.advance(2000);
    expect(said().at(-1)).toBe('memory at 189 % of 512 MB, the platform kills at 200 %; would stop the dyno');
  });

  test.each([{ guard: 'off', logEveryMs: 1000 } as const, { quota: null, logEveryMs: 1000 }])(
    'nobody weighs it: %o',
    async (memory) => {
      const { clock, reader, pressure } = guarded(memory, routed);
      reader.processes = full;
      await clock.advance(2000);
      expect(pressure()).toEqual([]);
    },
  );
});

test('closed: no timer and no listener is left', async () => {
  const { guard, clock, reader } = guarded();
  await clock.advance(5000);
  guard.close();
  expect([clock.left, reader.isHeard]).toEqual([0, false]);
});
