import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import type { ProcessUse } from '../../src/host.ts';
import { MemoryGuard } from '../../src/memory/guard.ts';
import type { ChildStateName, MemoryCommand, SupervisorEvent } from '../../src/commands.ts';
import type { MemoryPlan, ServePlan } from '../../src/plan/spec.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeMemoryReader } from '../fakes/memory-reader.ts';
import { onDemand, servePlan, web } from '../fakes/plan.ts';
import { atRest, limits, use } from './readings.ts';

const quota = { ...limits, source: 'SUPERVISE_MEMORY_QUOTA', killsAtPercent: 200, cgroup: null };

const readyEvent = (child: string): SupervisorEvent => ({
  type: 'child-changed',
  child,
  state: 'ready',
  readiness: 'observed',
});
const changeEvent = (child: string, state: ChildStateName): SupervisorEvent => ({
  type: 'child-changed',
  child,
  state,
  readiness: null,
});

/** A guard of a dyno at rest. ready: the ready children. helpers: processes beside puma and sidekiq. */
function startGuard(
  memory: Partial<MemoryPlan> = {},
  dyno: ServePlan = web,
  { ready = ['puma', 'sidekiq'], helpers = [] }: { ready?: string[]; helpers?: ProcessUse[] } = {},
) {
  const clock = new FakeClock();
  const reader = new FakeMemoryReader(clock);
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
  for (const child of ready) guard.onEvent(readyEvent(child));
  runHelpers(reader, ...helpers);
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

/** puma and sidekiq at rest, and these processes. */
function runHelpers(reader: FakeMemoryReader, ...helpers: ProcessUse[]): void {
  reader.processes = [...atRest(0).processes, ...helpers];
}
const convert = (megabytes: number): ProcessUse => use('sidekiq', 'convert', megabytes);

test('at rest: a quick reading each second, an exact one every 15 s', async () => {
  const { clock, reader, logged, actions } = startGuard();
  await clock.advance(60_000);
  expect(reader.reads).toEqual({ quick: 61, exact: 5 });
  expect([logged, actions()]).toEqual([[], []]);
});

test('a helper is read more often, marked for the OOM killer once, and ended when too large', async () => {
  const { clock, reader, logged, actions, preferred } = startGuard();
  await clock.advance(1000);
  runHelpers(reader, convert(100));
  await clock.advance(2000);
  expect(reader.reads.quick).toBe(2 + 1 + 7);
  runHelpers(reader, convert(400));
  await clock.advance(1000);
  runHelpers(reader, convert(430));
  await clock.advance(2000);
  expect(preferred).toEqual([21]);
  expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 }, killAfterMs: 2000 }]);
  expect(logged).toMatchObject([{ event: 'memory', level: 'warn', usedBytes: 750 * 2 ** 20 }]);
});

test('a new process is read within 500 ms: a helper growing 900 MB a second is killed in time', async () => {
  for (const instantMs of [0, 250, 500, 750, 999]) {
    const { clock, reader, actions } = startGuard({}, web);
    await clock.advance(5000 + instantMs);
    for (let megabytes = 1; actions().length === 0; megabytes += 18) {
      expect(350 + megabytes).toBeLessThan(1024);
      runHelpers(reader, convert(megabytes));
      await clock.advance(20);
    }
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 } }]);
  }
});

test('a quick reading alone leads to no action', async () => {
  const { clock, reader, actions } = startGuard();
  const exact = reader.read.bind(reader);
  reader.read = (isExact) => {
    runHelpers(reader, ...(isExact ? [] : [convert(900)]));
    return exact(isExact);
  };
  await clock.advance(10_000);
  expect(actions()).toEqual([]);
});

describe('before any child is ready', () => {
  test('the first reading comes at the start, and a helper that is too large is killed', async () => {
    const { clock, actions, preferred } = startGuard({}, web, { ready: [], helpers: [convert(600)] });
    await clock.advance(0);
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 }, killAfterMs: 0 }]);
    expect(preferred).toEqual([21]);
  });

  test('a helper growing 450 MB a second is killed before the platform kills', async () => {
    const { clock, reader, actions } = startGuard({}, web, { ready: [] });
    await clock.advance(1000);
    for (let megabytes = 0; actions().length === 0; megabytes += 45) {
      expect(350 + megabytes).toBeLessThan(1024);
      runHelpers(reader, convert(megabytes + 1));
      await clock.advance(100);
    }
    expect(actions()).toMatchObject([{ type: 'end-process', id: { pid: 21 } }]);
  });

  test('a sidekiq that leaks is restarted at the emergency threshold', async () => {
    const { clock, reader, actions } = startGuard({}, web, { ready: [] });
    reader.processes = [use('puma', 'ruby3.1', 100), use('sidekiq', 'ruby3.1', 860)];
    await clock.advance(1000);
    expect(actions()[0]).toMatchObject({ type: 'restart', mode: 'emergency', child: 'sidekiq', lastResort: 'none' });
  });
});

test('memory pressure from the kernel causes an exact reading at once', async () => {
  const { clock, reader, actions } = startGuard();
  await clock.advance(500);
  runHelpers(reader, convert(450));
  reader.signalPressure();
  expect(actions()).toHaveLength(1);
});

test('a child is ready from observed or assumed readiness until its exit', async () => {
  const { guard, clock, reader, actions } = startGuard();
  await clock.advance(1000);
  guard.onEvent(changeEvent('sidekiq', 'exited'));
  guard.onEvent(changeEvent('sidekiq', 'starting'));
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toEqual([]);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 200)];
  guard.onEvent({ ...readyEvent('sidekiq'), readiness: 'assumed' } as SupervisorEvent);
  await clock.advance(1000);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
});

test('a hundred pressure events a second cause five readings', async () => {
  const { clock, reader } = startGuard();
  await clock.advance(1000);
  const before = reader.reads.exact;
  for (let count = 0; count < 100; count += 1) {
    reader.signalPressure();
    await clock.advance(10);
  }
  expect(reader.reads.exact - before).toBeLessThanOrEqual(6);
});

test('a backlog right after the boot: growth counts from the memory at readiness', async () => {
  const { guard, clock, reader, actions, logged } = startGuard();
  guard.onEvent(readyEvent('sidekiq'));
  await clock.advance(1000);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
  await clock.advance(1000);
  expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
  expect(logged).toHaveLength(1);
});

test('memory that a child gained while it booted is no growth', async () => {
  const { guard, clock, reader, actions } = startGuard({}, web, { ready: ['puma'] });
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 50)];
  await clock.advance(20_000);
  reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 350)];
  guard.onEvent(readyEvent('sidekiq'));
  await clock.advance(1000);
  reader.processes = [use('puma', 'ruby3.1', 450), use('sidekiq', 'ruby3.1', 350)];
  await clock.advance(20_000);
  expect(actions()).toEqual([]);
});

test('a long-running helper does not cause more readings', async () => {
  const { clock, reader } = startGuard();
  await clock.advance(1000);
  runHelpers(reader, convert(50));
  await clock.advance(61_000);
  const before = reader.reads.quick;
  await clock.advance(10_000);
  expect(reader.reads.quick - before).toBe(10);
});

describe('SUPERVISE_MEMORY_GUARD', () => {
  test('warn: reports once what it would do, and does nothing', async () => {
    const { clock, reader, logged, actions, preferred } = startGuard({ guard: 'warn' });
    runHelpers(reader, convert(600));
    await clock.advance(3000);
    expect([actions(), preferred]).toEqual([[], []]);
    expect(logged.map((event) => event.event === 'memory' && event.text)).toEqual([
      'memory 950 of 512 MB (186 %): largest is convert (started by sidekiq), 600 MB and growing 1200 MB/s',
      'memory 950 of 512 MB (186 %), the platform kills at 200 %: convert (started by sidekiq), 600 MB and growing 1200 MB/s; would kill convert (pid 21)',
    ]);
  });

  test('off: only the requested metrics lines', async () => {
    const { clock, reader, logged, actions, preferred, printed } = startGuard({ guard: 'off', logEveryMs: 20_000 });
    runHelpers(reader, convert(900));
    await clock.advance(60_000);
    expect([logged, actions(), preferred]).toEqual([[], [], []]);
    expect(printed).toHaveLength(3);
  });
});

test('SUPERVISE_MEMORY_LOG: lines as log-runtime-metrics writes them, also without a quota', async () => {
  const { clock, reader, printed } = startGuard({ logEveryMs: 20_000 });
  reader.cgroupBytes = 400 * 2 ** 20;
  await clock.advance(20_000);
  expect(printed).toEqual([
    'source=web.1 dyno=run-7 sample#memory_total=400.00MB sample#memory_puma=200.00MB sample#memory_sidekiq=150.00MB sample#memory_supervise=0.00MB sample#memory_quota=512.00MB\n',
  ]);
  const without = startGuard({ quota: null, logEveryMs: 1000 });
  await without.clock.advance(1000);
  expect(without.printed[0]).toMatch(/memory_supervise=0.00MB\n$/);
});

test('after a suspend one metrics line stands for all that were missed', async () => {
  const { clock, reader, printed } = startGuard({ logEveryMs: 20_000 });
  clock.leap(3_600_000);
  reader.signalPressure();
  await clock.advance(20_000);
  expect(printed).toHaveLength(3);
});

describe('a child that runs on demand', () => {
  const routed = servePlan(...web.children, onDemand('streaming', 900_000));
  const full160 = 'memory 819 of 512 MB (160 %)';
  /** 160 % of the quota, by puma and sidekiq. */
  const full = [use('puma', 'ruby3.1', 519), use('sidekiq', 'ruby3.1', 300)];

  test('does not delay the check whether the dyno fits its quota', async () => {
    const { clock, reader, actions } = startGuard({}, routed);
    await clock.advance(1000);
    reader.processes = [use('puma', 'ruby3.1', 200), use('sidekiq', 'ruby3.1', 580)];
    await clock.advance(1000);
    expect(actions()).toMatchObject([{ type: 'restart', mode: 'graceful', child: 'sidekiq' }]);
  });

  test('may start below the act threshold and not above, a second after a change', async () => {
    const { clock, reader, pressure } = startGuard({}, routed);
    expect(pressure()).toEqual([]);
    reader.processes = full;
    await clock.advance(1000);
    expect(pressure()).toEqual([full160]);
    await clock.advance(1000);
    reader.processes = atRest(0).processes;
    await clock.advance(1000);
    expect(pressure()).toEqual([full160, null]);
  });

  test('may start within a second after memory has fallen by less than 1 % of the quota', async () => {
    const { clock, reader, pressure } = startGuard({}, routed);
    reader.processes = [use('puma', 'ruby3.1', 469), use('sidekiq', 'ruby3.1', 300)];
    await clock.advance(1000);
    expect(pressure()).toEqual(['memory 769 of 512 MB (150 %)']);
    reader.processes = [use('puma', 'ruby3.1', 467), use('sidekiq', 'ruby3.1', 300)];
    await clock.advance(1000);
    expect(pressure().at(-1)).toBeNull();
  });

  test('is not denied for memory that a quick reading counts more than once', async () => {
    const { clock, reader, pressure } = startGuard({}, routed);
    const read = reader.read.bind(reader);
    reader.read = (isExact) => {
      reader.processes = isExact ? atRest(0).processes : full;
      return { ...read(isExact), costMs: isExact ? 500 : 0 }; // the next exact reading is some seconds away
    };
    await clock.advance(10_000);
    expect(pressure()).toEqual([]);
  });

  test('is denied in a dyno that never fitted its quota, too', async () => {
    const { guard, clock, reader, pressure } = startGuard({}, routed);
    reader.processes = full;
    for (const child of ['puma', 'sidekiq']) guard.onEvent(readyEvent(child));
    await clock.advance(120_000);
    expect(pressure()).toEqual([full160]);
  });

  test('guard warn: it is started, and the denial is reported once', async () => {
    const { guard, clock, reader, requested, logged } = startGuard({ guard: 'warn' }, routed);
    reader.processes = full;
    await clock.advance(1000);
    for (const state of ['starting', 'stopped', 'starting'] as const) guard.onEvent(changeEvent('streaming', state));
    expect(requested).toEqual([]);
    const text = `${full160}; would start nothing that runs on demand`;
    expect(logged.filter((event) => event.event === 'memory' && event.text.includes('on demand'))).toEqual([
      { event: 'memory', level: 'warn', text, usedBytes: 819 * 2 ** 20, quotaBytes: 512 * 2 ** 20 },
    ]);
  });

  test('guard warn: names the child that would be stopped before the dyno, while it is ready', async () => {
    const { guard, clock, reader, logged } = startGuard({ guard: 'warn' }, routed);
    const texts = (): string[] => logged.flatMap((event) => (event.event === 'memory' ? [event.text] : []));
    await clock.advance(1000);
    guard.onEvent(readyEvent('streaming'));
    reader.processes = [use('puma', 'ruby3.1', 820), use('sidekiq', 'ruby3.1', 150)];
    await clock.advance(1000);
    expect(texts().at(-1)).toBe('memory 970 of 512 MB (189 %), the platform kills at 200 %; would stop streaming');
    guard.onEvent(changeEvent('streaming', 'exited'));
    await clock.advance(2000);
    expect(texts().at(-1)).toBe('memory 970 of 512 MB (189 %), the platform kills at 200 %; would stop the dyno');
  });

  test('is never denied without a guard or without a quota', async () => {
    for (const memory of [
      { guard: 'off', logEveryMs: 1000 },
      { quota: null, logEveryMs: 1000 },
    ] as const) {
      const { clock, reader, pressure } = startGuard(memory, routed);
      reader.processes = full;
      await clock.advance(2000);
      expect(pressure(), JSON.stringify(memory)).toEqual([]);
    }
  });
});

test('close() leaves no timer and no listener', async () => {
  const { guard, clock, reader } = startGuard();
  await clock.advance(5000);
  guard.close();
  expect([clock.pendingTimers, reader.hasPressureListener]).toEqual([0, false]);
});
