import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ObservedProcess, ProcessId } from '../../src/host.ts';
import { readProcess } from '../../src/linux/processes.ts';
import { newRunId } from '../../src/linux/read-machine.ts';
import type { Output } from '../../src/output/output.ts';
import type { ChildSpec } from '../../src/plan/spec.ts';
import { clock } from '../../src/process/runtime.ts';
import { NodeHost } from '../../src/process/node-host.ts';
import { whenTitleMatches } from '../../src/process/process-title.ts';
import { FakeClock } from '../fakes/clock.ts';
import { child as specOf } from '../fakes/plan.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { ProcessScenario, SLEEPER } from './process-scenario.ts';

const IDLE_RESTART = {
  quietSignal: 'SIGTSTP',
  idleTitle: '\\[0 of \\d+ busy\\] stopping',
  quietMs: 1,
  everyMs: null,
} as const;

/** A host whose children write their pids into the folder of the scenario. */
function hostIn(scenario: ProcessScenario, prefixed: { stdout: Output; stderr: Output } | null = null): NodeHost {
  const signals = {
    subscribe: () => () => {},
    post: () => {},
    close: () => {},
    secondInterrupt: new Promise<void>(() => {}),
  };
  const host = new NodeHost({ env: process.env, folder: scenario.folder, runId: newRunId(), signals, prefixed });
  onTestFinished(async () => {
    host.killAll();
    await eventually(() => expect(host.trackedProcesses()).toEqual([]));
    await host.close(0);
  });
  return host;
}

function shell(name: string, script: string, memory: Partial<ChildSpec['memory']> = {}): ChildSpec {
  const spec = specOf(name);
  return { ...spec, command: ['sh', '-c', script], memory: { ...spec.memory, ...memory } };
}

/** Shell: becomes a perl with titles like sidekiq's. It is busy after TSTP and idle after USR1. */
function perlWithTitle(name: string): string {
  return `exec perl -e '$SIG{TSTP} = sub { $0 = "sidekiq 8.1.6 app [1 of 5 busy] stopping" };
    $SIG{USR1} = sub { $0 = "sidekiq 8.1.6 app [0 of 5 busy] stopping" };
    $0 = "sidekiq 8.1.6 app [0 of 5 busy]"; open P, ">", "${name}.pid"; print P $$; close P; sleep 1 while 1'`;
}

function idOf(pid: number): ProcessId {
  return { pid, started: readProcess(pid)?.started ?? '' };
}

function pidOf({ pid }: ObservedProcess): number {
  if (pid === null) throw new Error('the child did not start');
  return pid;
}

function oomScore(pid: number | 'self'): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
}

test('trackedProcesses returns the children and their descendants', async () => {
  const scenario = new ProcessScenario();
  const host = hostIn(scenario);
  const puma = host.spawn(shell('puma', `${SLEEPER} a & wait`));
  const sidekiq = host.spawn(shell('sidekiq', `exec ${SLEEPER} s`));
  const [a, s] = [await scenario.pid('a'), await scenario.pid('s')];
  const expected = [
    { ...idOf(pidOf(puma)), child: 'puma' },
    { ...idOf(a), child: 'puma' },
    { ...idOf(s), child: 'sidekiq' },
  ];
  expect(pidOf(sidekiq)).toBe(s);
  expect(host.trackedProcesses().map(({ pid, started, child }) => ({ pid, started, child }))).toEqual(
    expect.arrayContaining(expected),
  );
  expect(host.trackedProcesses()).toHaveLength(3);
});

describe('the OOM score', () => {
  test.each([0, 100, 300, 2000])('of a child and its descendants is ours plus %d', async (increase) => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    const child = host.spawn(
      shell('sidekiq', `while [ ! -e go ]; do sleep 0.01; done; ${SLEEPER} a & wait`, { oomScoreAdj: increase }),
    );
    const expected = Math.min(1000, oomScore('self') + increase);
    expect(oomScore(pidOf(child))).toBe(expected);
    writeFileSync(join(scenario.folder, 'go'), '');
    expect(oomScore(await scenario.pid('a'))).toBe(expected);
  });

  test('of a helper is above all children, of unrelated processes unchanged, and never lowered', async () => {
    const [scenario, unrelated] = [new ProcessScenario(), new ProcessScenario()];
    const host = hostIn(scenario);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${SLEEPER} high & wait`, { oomScoreAdj: 300 }));
    unrelated.start(`exec ${SLEEPER} convert`, true);
    const [ours, high, other] = [
      await scenario.pid('convert'),
      await scenario.pid('high'),
      await unrelated.pid('convert'),
    ];
    writeFileSync(`/proc/${high}/oom_score_adj`, '950');
    for (const pid of [ours, high, other, process.pid, 2 ** 22 + 1]) host.preferForOomKill(idOf(pid));
    const own = oomScore('self');
    expect([ours, high, other].map(oomScore)).toEqual([own + 600, 950, own]);
  });
});

describe('ending one process', () => {
  test('sends TERM, and continues a stopped process to handle it', async () => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${SLEEPER} other & wait`));
    const [pid, other] = [await scenario.pid('convert'), await scenario.pid('other')];
    process.kill(pid, 'SIGSTOP');
    host.endProcess(idOf(pid), 60_000);
    await scenario.gone(pid);
    expect(alive(other)).toBe(true);
  });

  const ignoresTerm = `perl -e '$SIG{TERM} = sub { open F, ">", "termed"; close F }; open P, ">", "perl.pid"; print P $$; close P; sleep 1 while 1'`;

  test('sends KILL to a process that ignores TERM', async () => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    host.spawn(shell('sidekiq', `${ignoresTerm} & wait`));
    const pid = await scenario.pidOf('perl');
    host.endProcess(idOf(pid), 50); // it writes its pid after it handles TERM
    await scenario.gone(pid);
  });

  test('sends KILL at once after 0 ms', async () => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    host.spawn(shell('sidekiq', `${ignoresTerm} & wait`));
    const pid = await scenario.pidOf('perl');
    host.endProcess(idOf(pid), 0);
    await scenario.gone(pid);
    expect(existsSync(join(scenario.folder, 'termed'))).toBe(false);
  });

  test('sends TERM and no KILL after null ms, as for a worker of puma, which drains', async () => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    const other = ignoresTerm.replaceAll('perl.pid', 'other.pid').replaceAll('termed', 'other-termed');
    host.spawn(shell('puma', `${ignoresTerm} & ${other} & wait`));
    const [pid, later] = [await scenario.pidOf('perl'), await scenario.pidOf('other')];
    host.endProcess(idOf(pid), null);
    host.endProcess(idOf(later), 50); // a KILL of the first process would be sent before this one
    await scenario.gone(later);
    await eventually(() => expect(existsSync(join(scenario.folder, 'termed'))).toBe(true));
    expect(alive(pid)).toBe(true);
  });

  test('signals no unrelated process, whatever its name, and no process with a reused pid', async () => {
    const [scenario, unrelated] = [new ProcessScenario(), new ProcessScenario()];
    const host = hostIn(scenario);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${ignoresTerm} & wait`));
    unrelated.start(`setsid ${SLEEPER} far & exec ${SLEEPER} convert`, true);
    const ours = idOf(await scenario.pid('convert'));
    const others = [await unrelated.pid('convert'), await unrelated.pid('far')];
    for (const killAfterMs of [0, 1]) {
      for (const pid of [...others, process.pid, process.ppid]) host.endProcess(idOf(pid), killAfterMs);
      host.endProcess({ ...ours, started: `${ours.started}0` }, killAfterMs);
      for (const pid of [0, -1, 1, NaN]) host.endProcess({ pid, started: '' }, killAfterMs);
    }
    const last = await scenario.pidOf('perl');
    host.endProcess(idOf(last), 1); // the last KILL that is due
    await scenario.gone(last);
    expect([...others, ours.pid].filter(alive)).toHaveLength(3);
  });

  test('sends no KILL once the host is closed', async () => {
    const scenarios = [new ProcessScenario(), new ProcessScenario()];
    const hosts = scenarios.map((scenario) => hostIn(scenario));
    for (const host of hosts) host.spawn(shell('sidekiq', `${ignoresTerm} & wait`));
    const [pid = 0, later = 0] = await Promise.all(scenarios.map((scenario) => scenario.pidOf('perl')));
    hosts[0]?.endProcess(idOf(pid), 1);
    await hosts[0]?.close(0);
    hosts[1]?.endProcess(idOf(later), 1);
    await scenarios[1]?.gone(later);
    expect(alive(pid)).toBe(true);
  });
});

test('killTree kills the tree of one child, living or not, but no sibling and no successor', async () => {
  const scenario = new ProcessScenario();
  const host = hostIn(scenario);
  host.spawn(shell('puma', `${SLEEPER} sibling & wait`));
  const first = host.spawn(shell('sidekiq', `setsid ${SLEEPER} b & ${SLEEPER} a & wait`));
  const pids = [await scenario.pid('a'), await scenario.pid('b')];
  host.killTree('sidekiq');
  expect(await first.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await scenario.gone(pid);
  const second = host.spawn(shell('sidekiq', `${SLEEPER} c & while [ ! -e go ]; do sleep 0.01; done`));
  const left = await scenario.pid('c');
  writeFileSync(join(scenario.folder, 'go'), '');
  await second.exited;
  host.killTree('sidekiq');
  await scenario.gone(left);
  const third = host.spawn(shell('sidekiq', `exec ${SLEEPER} d`));
  await scenario.pid('d');
  expect(host.trackedProcesses().map(({ pid }) => pid)).toEqual(
    expect.arrayContaining([pidOf(third), await scenario.pid('sibling')]),
  );
});

describe('whenIdle', () => {
  test('calls back when the title of the child, or of the child of a wrapper, shows it', async () => {
    for (const script of [perlWithTitle('s'), `${perlWithTitle('s').replace('exec ', '')} & wait`]) {
      const scenario = new ProcessScenario();
      const host = hostIn(scenario);
      const spec = shell('sidekiq', script, { restart: IDLE_RESTART });
      host.spawn(spec);
      const pid = await scenario.pidOf('s');
      let idle = 0;
      host.whenIdle(spec, () => (idle += 1));
      process.kill(pid, 'SIGTSTP');
      await eventually(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('1 of 5 busy'));
      expect(idle).toBe(0);
      process.kill(pid, 'SIGUSR1');
      await eventually(() => expect(idle).toBe(1));
    }
  });

  test('does not call back after a cancel, without a restart in the plan, or for a child that does not run', async () => {
    const scenario = new ProcessScenario();
    const host = hostIn(scenario);
    const spec = shell('sidekiq', perlWithTitle('s'), { restart: { ...IDLE_RESTART, idleTitle: 'sidekiq' } });
    host.spawn(spec);
    await scenario.pidOf('s');
    let unexpectedCalls = 0;
    let calls = 0;
    const onUnexpected = (): void => void (unexpectedCalls += 1);
    host.whenIdle(spec, onUnexpected)();
    host.whenIdle({ ...spec, memory: { ...spec.memory, restart: null } }, onUnexpected);
    host.whenIdle({ ...spec, name: 'sidekiq-2' }, onUnexpected);
    host.whenIdle(spec, () => (calls += 1));
    await eventually(() => expect(calls).toBe(1));
    expect(unexpectedCalls).toBe(0);
  });

  test('stops checking when the child exits', async () => {
    const scenario = new ProcessScenario();
    const child = scenario.start(`exec ${SLEEPER} s`);
    const root = idOf(await scenario.pid('s'));
    const fakeClock = new FakeClock();
    whenTitleMatches(root, /never/, fakeClock, () => expect.fail('idle'));
    await fakeClock.advance(5000);
    expect(fakeClock.pendingTimers).toBe(1);
    child.signal('SIGKILL');
    await child.exited;
    await fakeClock.advance(500);
    expect(fakeClock.pendingTimers).toBe(0);
  });
});

test('the lines of a child that restarts often arrive, and its streams are released', async () => {
  const scenario = new ProcessScenario();
  const lines: string[] = [];
  const output = {
    writeFromChild: (bytes: Buffer) => Promise.resolve(void lines.push(String(bytes))),
  } as unknown as Output;
  const host = hostIn(scenario, { stdout: output, stderr: output });
  for (let turn = 0; turn < 5; turn += 1) {
    const child = host.spawn(shell('sidekiq', `echo out ${turn}; echo err ${turn} >&2`));
    expect(await child.exited).toEqual({ kind: 'exited', code: 0 });
  }
  await eventually(() => expect(lines).toHaveLength(10));
  expect(lines.sort()[0]).toBe('sidekiq | err 0\n');
});

test('a process that left the session of its child before a scan is known as that child’s', async () => {
  const scenario = new ProcessScenario();
  const host = hostIn(scenario);
  const [sidekiq, streaming] = ['sidekiq', 'streaming'].map((name) =>
    host.spawn(shell(name, `setsid ${SLEEPER} ${name} &`)),
  );
  await Promise.all([sidekiq?.exited, streaming?.exited]);
  const [pid, otherPid] = [await scenario.pid('sidekiq'), await scenario.pid('streaming')];
  expect(await host.reap('sidekiq', clock.now() + 60_000)).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
  expect(alive(otherPid)).toBe(true);
});
