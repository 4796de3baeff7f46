import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Child, ProcessId } from '../../src/host.ts';
import { readProcess } from '../../src/linux/processes.ts';
import { newRunId } from '../../src/linux/read-machine.ts';
import type { Output } from '../../src/output/output.ts';
import type { ChildSpec } from '../../src/plan/spec.ts';
import { clock } from '../../src/process/clock.ts';
import { NodeHost } from '../../src/process/node-host.ts';
import { whenTitleMatches } from '../../src/process/process-title.ts';
import { FakeClock } from '../fakes/clock.ts';
import { child as specOf } from '../fakes/plan.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { Family, SLEEPER } from './process-family.ts';

const NOTHING_IN_HAND = {
  quietSignal: 'SIGTSTP',
  idleTitle: '\\[0 of \\d+ busy\\] stopping',
  quietMs: 1,
  everyMs: null,
} as const;

/** A host whose children write their pids into the folder of the family. */
function hostIn(family: Family, prefixed: { stdout: Output; stderr: Output } | null = null): NodeHost {
  const signals = {
    subscribe: () => () => {},
    post: () => {},
    close: () => {},
    secondInterrupt: new Promise<void>(() => {}),
  };
  const host = new NodeHost({ env: process.env, folder: family.folder, runId: newRunId(), signals, prefixed });
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

/** Perl: as sidekiq shows itself. */
function titled(name: string): string {
  return `exec perl -e '$SIG{TSTP} = sub { $0 = "sidekiq 8.1.6 app [1 of 5 busy] stopping" };
    $SIG{USR1} = sub { $0 = "sidekiq 8.1.6 app [0 of 5 busy] stopping" };
    $0 = "sidekiq 8.1.6 app [0 of 5 busy]"; open P, ">", "${name}.pid"; print P $$; close P; sleep 1 while 1'`;
}

function idOf(pid: number): ProcessId {
  return { pid, started: readProcess(pid)?.started ?? '' };
}

function pidOf({ pid }: Child): number {
  if (pid === null) throw new Error('it did not start');
  return pid;
}

function oomScore(pid: number | 'self'): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
}

test('the family: the children, and what comes from them', async () => {
  const family = new Family();
  const host = hostIn(family);
  const puma = host.spawn(shell('puma', `${SLEEPER} a & wait`));
  const sidekiq = host.spawn(shell('sidekiq', `exec ${SLEEPER} s`));
  const [a, s] = [await family.pid('a'), await family.pid('s')];
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

describe('the order in which the kernel takes them', () => {
  test.each([0, 100, 300, 2000])('a child at %d more than ourselves, and what it starts', async (by) => {
    const family = new Family();
    const host = hostIn(family);
    const child = host.spawn(
      shell('sidekiq', `while [ ! -e go ]; do sleep 0.01; done; ${SLEEPER} a & wait`, { oomScoreAdj: by }),
    );
    const expected = Math.min(1000, oomScore('self') + by);
    expect(oomScore(pidOf(child))).toBe(expected);
    writeFileSync(join(family.folder, 'go'), '');
    expect(oomScore(await family.pid('a'))).toBe(expected);
  });

  test('a helper of ours before any child, a stranger as it was, and nothing is ever lowered', async () => {
    const [family, strangers] = [new Family(), new Family()];
    const host = hostIn(family);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${SLEEPER} high & wait`, { oomScoreAdj: 300 }));
    strangers.start(`exec ${SLEEPER} convert`, true);
    const [ours, high, other] = [await family.pid('convert'), await family.pid('high'), await strangers.pid('convert')];
    writeFileSync(`/proc/${high}/oom_score_adj`, '950');
    for (const pid of [ours, high, other, process.pid, 2 ** 22 + 1]) host.preferForOomKill(idOf(pid));
    const own = oomScore('self');
    expect([ours, high, other].map(oomScore)).toEqual([own + 600, 950, own]);
  });
});

describe('ending one process', () => {
  test('TERM, and a stopped one is continued to hear it', async () => {
    const family = new Family();
    const host = hostIn(family);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${SLEEPER} other & wait`));
    const [pid, other] = [await family.pid('convert'), await family.pid('other')];
    process.kill(pid, 'SIGSTOP');
    host.endProcess(idOf(pid), 60_000);
    await family.gone(pid);
    expect(alive(other)).toBe(true);
  });

  const deaf = `perl -e '$SIG{TERM} = sub { open F, ">", "termed"; close F }; open P, ">", "deaf.pid"; print P $$; close P; sleep 1 while 1'`;

  test('KILL for one that does not follow', async () => {
    const family = new Family();
    const host = hostIn(family);
    host.spawn(shell('sidekiq', `${deaf} & wait`));
    const pid = await family.pidOf('deaf');
    host.endProcess(idOf(pid), 50); // its handler is there before its pid: TERM alone does not end it
    await family.gone(pid);
  });

  test('KILL at once', async () => {
    const family = new Family();
    const host = hostIn(family);
    host.spawn(shell('sidekiq', `${deaf} & wait`));
    const pid = await family.pidOf('deaf');
    host.endProcess(idOf(pid), 0);
    await family.gone(pid);
    expect(existsSync(join(family.folder, 'termed'))).toBe(false);
  });

  test('TERM and no KILL, as for a worker of puma, which drains in its own time', async () => {
    const family = new Family();
    const host = hostIn(family);
    const other = deaf.replaceAll('deaf.pid', 'other.pid').replaceAll('termed', 'too');
    host.spawn(shell('puma', `${deaf} & ${other} & wait`));
    const [pid, later] = [await family.pidOf('deaf'), await family.pidOf('other')];
    host.endProcess(idOf(pid), null);
    host.endProcess(idOf(later), 50); // its KILL comes after one of the first would have come
    await family.gone(later);
    await eventually(() => expect(existsSync(join(family.folder, 'termed'))).toBe(true));
    expect(alive(pid)).toBe(true);
  });

  test('nobody who is not ours, whatever the name, and nobody else under a pid of ours', async () => {
    const [family, strangers] = [new Family(), new Family()];
    const host = hostIn(family);
    host.spawn(shell('sidekiq', `${SLEEPER} convert & ${deaf} & wait`));
    strangers.start(`setsid ${SLEEPER} far & exec ${SLEEPER} convert`, true);
    const ours = idOf(await family.pid('convert'));
    const others = [await strangers.pid('convert'), await strangers.pid('far')];
    for (const killAfterMs of [0, 1]) {
      for (const pid of [...others, process.pid, process.ppid]) host.endProcess(idOf(pid), killAfterMs);
      host.endProcess({ ...ours, started: `${ours.started}0` }, killAfterMs);
      for (const pid of [0, -1, 1, NaN]) host.endProcess({ pid, started: '' }, killAfterMs);
    }
    const last = await family.pidOf('deaf');
    host.endProcess(idOf(last), 1); // its KILL is the last of those that are due
    await family.gone(last);
    expect([...others, ours.pid].filter(alive)).toHaveLength(3);
  });

  test('no KILL any more once the host is closed', async () => {
    const families = [new Family(), new Family()];
    const hosts = families.map((family) => hostIn(family));
    for (const host of hosts) host.spawn(shell('sidekiq', `${deaf} & wait`));
    const [pid = 0, later = 0] = await Promise.all(families.map((family) => family.pidOf('deaf')));
    hosts[0]?.endProcess(idOf(pid), 1);
    await hosts[0]?.close(0);
    hosts[1]?.endProcess(idOf(later), 1);
    await families[1]?.gone(later);
    expect(alive(pid)).toBe(true);
  });
});

test('the tree of one child: killed alive or ended, siblings and its successor untouched', async () => {
  const family = new Family();
  const host = hostIn(family);
  host.spawn(shell('puma', `${SLEEPER} sibling & wait`));
  const first = host.spawn(shell('sidekiq', `setsid ${SLEEPER} b & ${SLEEPER} a & wait`));
  const pids = [await family.pid('a'), await family.pid('b')];
  host.killTree('sidekiq');
  expect(await first.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await family.gone(pid);
  const second = host.spawn(shell('sidekiq', `${SLEEPER} c & while [ ! -e go ]; do sleep 0.01; done`));
  const left = await family.pid('c');
  writeFileSync(join(family.folder, 'go'), '');
  await second.exited;
  host.killTree('sidekiq');
  await family.gone(left);
  const third = host.spawn(shell('sidekiq', `exec ${SLEEPER} d`));
  await family.pid('d');
  expect(host.trackedProcesses().map(({ pid }) => pid)).toEqual(
    expect.arrayContaining([pidOf(third), await family.pid('sibling')]),
  );
});

describe('when a child is idle', () => {
  test('its title says so, or that of its wrapper’s child', async () => {
    for (const script of [titled('s'), `${titled('s').replace('exec ', '')} & wait`]) {
      const family = new Family();
      const host = hostIn(family);
      const spec = shell('sidekiq', script, { restart: NOTHING_IN_HAND });
      host.spawn(spec);
      const pid = await family.pidOf('s');
      let idle = 0;
      host.whenIdle(spec, () => (idle += 1));
      process.kill(pid, 'SIGTSTP');
      await eventually(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('1 of 5 busy'));
      expect(idle).toBe(0);
      process.kill(pid, 'SIGUSR1');
      await eventually(() => expect(idle).toBe(1));
    }
  });

  test('nobody is told after a cancel, nor of a child that cannot be recycled or is not there', async () => {
    const family = new Family();
    const host = hostIn(family);
    const spec = shell('sidekiq', titled('s'), { restart: { ...NOTHING_IN_HAND, idleTitle: 'sidekiq' } });
    host.spawn(spec);
    await family.pidOf('s');
    let told = 0;
    let later = 0;
    const tell = (): void => void (told += 1);
    host.whenIdle(spec, tell)();
    host.whenIdle({ ...spec, memory: { ...spec.memory, restart: null } }, tell);
    host.whenIdle({ ...spec, name: 'sidekiq-2' }, tell);
    host.whenIdle(spec, () => (later += 1));
    await eventually(() => expect(later).toBe(1));
    expect(told).toBe(0);
  });

  test('a child that ends is asked no more', async () => {
    const family = new Family();
    const child = family.start(`exec ${SLEEPER} s`);
    const root = idOf(await family.pid('s'));
    const fakeClock = new FakeClock();
    whenTitleMatches(root, /never/, fakeClock, () => expect.fail('idle'));
    await fakeClock.advance(5000);
    expect(fakeClock.left).toBe(1);
    child.signal('SIGKILL');
    await child.exited;
    await fakeClock.advance(500);
    expect(fakeClock.left).toBe(0);
  });
});

test('a child that is started again and again: its lines come, and its pipes go', async () => {
  const family = new Family();
  const lines: string[] = [];
  const output = {
    writeFromChild: (bytes: Buffer) => Promise.resolve(void lines.push(String(bytes))),
  } as unknown as Output;
  const host = hostIn(family, { stdout: output, stderr: output });
  for (let turn = 0; turn < 5; turn += 1) {
    const child = host.spawn(shell('sidekiq', `echo out ${turn}; echo err ${turn} >&2`));
    expect(await child.exited).toEqual({ kind: 'exited', code: 0 });
  }
  await eventually(() => expect(lines).toHaveLength(10));
  expect(lines.sort()[0]).toBe('sidekiq | err 0\n');
});

test('what has left the session of its child before anybody looked is known as that child’s', async () => {
  const family = new Family();
  const host = hostIn(family);
  const [one, other] = ['sidekiq', 'streaming'].map((name) => host.spawn(shell(name, `setsid ${SLEEPER} ${name} &`)));
  await Promise.all([one?.exited, other?.exited]);
  const [pid, spared] = [await family.pid('sidekiq'), await family.pid('streaming')];
  expect(await host.reap('sidekiq', clock.now() + 60_000)).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
  expect(alive(spared)).toBe(true);
});
