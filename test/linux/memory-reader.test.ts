import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { MemoryReader, MemoryReading } from '../../src/host.ts';
import { onFileChange, onMemoryPressure } from '../../src/linux/cgroup.ts';
import { memoryReader } from '../../src/linux/memory-reader.ts';
import { readMemoryUse } from '../../src/linux/process-memory.ts';
import { readProcess } from '../../src/linux/processes.ts';
import { clock } from '../../src/process/runtime.ts';
import { ProcessTracker } from '../../src/process/process-tracker.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { skipOrFail } from '../harness/skip-or-fail.ts';
import { ProcessScenario, SLEEPER } from '../process/process-scenario.ts';

const MB = 2 ** 20;

/** A reader of the trees of these children, given by their pids. */
function readerOf(children: Record<string, number>, newestPid?: () => number | null): MemoryReader {
  const tracker = new ProcessTracker('');
  for (const [child, pid] of Object.entries(children)) tracker.add(pid, child);
  const reader = memoryReader(() => tracker.scan(), null, clock, newestPid);
  if (reader === null) throw new Error('no /proc here');
  return reader;
}

function pidsOf({ processes }: MemoryReading): number[] {
  return processes.map(({ pid }) => pid).sort((a, b) => a - b);
}

function sum({ processes }: MemoryReading): number {
  return processes.reduce((all, { bytes }) => all + bytes, 0) / MB;
}

/** Perl: writes its pid to the file NAME.pid. */
function writesPid(name: string): string {
  return `open P, ">", "${name}.pid"; print P $$; close P;`;
}

/** Perl: waits until a file of that name exists. */
function waitsFor(file: string): string {
  return `select undef, undef, undef, 0.01 until -e "${file}";`;
}

test('memory that forks share counts once; RSS would count it five times', async () => {
  const scenario = new ProcessScenario();
  const idle = 'sleep 1000 while 1';
  const fork = `for my $n (1..4) { fork or do { ${writesPid('$n')} ${idle} } }`;
  const child = scenario.start(`exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${fork} ${writesPid('all')} ${idle}'`);
  const pids = [child.pid, ...(await Promise.all(['1', '2', '3', '4'].map((name) => scenario.pidOf(name))))];
  await scenario.pidOf('all');
  const reader = readerOf({ puma: child.pid });
  const quick = reader.read(false);
  const exact = reader.read(true);
  expect(pidsOf(exact)).toEqual(pids.sort((a, b) => a - b));
  const rss = pids.reduce((all, pid) => all + (readMemoryUse(pid)?.anonBytes ?? 0), 0) / MB;
  expect(rss).toBeGreaterThan(5 * 60);
  expect(sum(quick)).toBeGreaterThan(5 * 60);
  expect(sum(exact)).toBeGreaterThan(60);
  expect(sum(exact)).toBeLessThan(60 + 30);
  expect(Math.abs(sum(reader.read(false)) - sum(exact))).toBeLessThan(1);
  expect([quick.exact, exact.exact]).toEqual([false, true]);
});

test('quick readings after an exact one include growth, and exact ones a fork that writes to shared pages', async () => {
  const scenario = new ProcessScenario();
  const grow = `$y = "y" x ($n / 2);`;
  const fork = `fork or do { ${waitsFor('grow')} ${grow} ${writesPid('grown')} ${waitsFor('write')} substr($x, 4096 * $_, 1) = "z" for 0..(length($x) / 4096 - 1); ${writesPid('written')} sleep 1000 };`;
  const child = scenario.start(`exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${fork} ${writesPid('all')} sleep 1000'`);
  await scenario.pidOf('all');
  const reader = readerOf({ puma: child.pid });
  await eventually(() => expect(pidsOf(reader.read(true))).toHaveLength(2));
  const before = sum(reader.read(true));
  writeFileSync(join(scenario.folder, 'grow'), '');
  await scenario.pidOf('grown');
  expect(sum(reader.read(false)) - before).toBeGreaterThan(29);
  expect(sum(reader.read(false)) - before).toBeLessThan(70);
  writeFileSync(join(scenario.folder, 'write'), '');
  await scenario.pidOf('written');
  expect(sum(reader.read(true)) - before).toBeGreaterThan(29 + 55);
});

test('each process has its child, its parent, its name and its program', async () => {
  const scenario = new ProcessScenario();
  const puma = scenario.start(`${SLEEPER} a & wait`);
  const sidekiq = scenario.start(`exec perl -e '$0 = "sidekiq [0 of 5 busy]"; ${writesPid('s')} sleep 1000'`);
  const pid = await scenario.pid('a');
  await scenario.pidOf('s');
  const { processes, ownBytes, cgroupBytes, costMs } = readerOf({ puma: puma.pid, sidekiq: sidekiq.pid }).read(true);
  const a = processes.find((row) => row.pid === pid);
  expect(a).toMatchObject({ child: 'puma', parent: puma.pid, name: 'sleep', program: 'sleep' });
  expect(a?.started).toBe(readProcess(pid)?.started);
  expect(processes.find((row) => row.pid === sidekiq.pid)).toMatchObject({ child: 'sidekiq', program: 'perl' });
  expect(processes.map(({ child }) => child).sort()).toEqual(['puma', 'puma', 'sidekiq']);
  expect(ownBytes).toBeGreaterThan(5 * MB);
  expect(cgroupBytes).toBeNull();
  expect(costMs).toBeGreaterThan(0);
});

test('a quick reading finds a new process, and reads a process that executed another program anew', async () => {
  const scenario = new ProcessScenario();
  const becomes = `${writesPid('b')} ${waitsFor('exec')} exec "sleep", "1000"`;
  const child = scenario.start(
    `exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${writesPid('a')} ${waitsFor('fork')} fork or do { ${becomes} }; sleep 1000'`,
  );
  await scenario.pidOf('a');
  const reader = readerOf({ sidekiq: child.pid });
  expect(pidsOf(reader.read(false))).toEqual([child.pid]);
  writeFileSync(join(scenario.folder, 'fork'), '');
  const pid = await scenario.pidOf('b');
  expect(pidsOf(reader.read(false))).toEqual([child.pid, pid].sort((a, b) => a - b));
  reader.read(true);
  writeFileSync(join(scenario.folder, 'exec'), '');
  await scenario.pid('b');
  const [afterExec] = reader.read(false).processes.filter((row) => row.pid === pid);
  expect(afterExec).toMatchObject({ name: 'sleep', program: 'sleep' });
  expect(afterExec?.bytes).toBeGreaterThan(0);
  expect(afterExec?.bytes).toBeLessThan(5 * MB);
});

test('a last pid that does not change is trusted until an exact reading finds a new process', async () => {
  const scenario = new ProcessScenario();
  const later = (name: string): string => `while [ ! -e go-${name} ]; do sleep 0.01; done; ${SLEEPER} ${name} &`;
  const child = scenario.start(`${later('b')} ${later('c')} wait`);
  const reader = readerOf({ puma: child.pid }, () => 7);
  reader.read(false);
  writeFileSync(join(scenario.folder, 'go-b'), '');
  const b = await scenario.pid('b');
  expect(pidsOf(reader.read(false))).not.toContain(b);
  expect(pidsOf(reader.read(true))).toContain(b);
  writeFileSync(join(scenario.folder, 'go-c'), '');
  const c = await scenario.pid('c');
  expect(pidsOf(reader.read(false))).toContain(c);
});

test('without a last pid every reading scans', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`while [ ! -e go ]; do sleep 0.01; done; ${SLEEPER} b & wait`);
  const reader = readerOf({ puma: child.pid }, () => null);
  reader.read(false);
  writeFileSync(join(scenario.folder, 'go'), '');
  const b = await scenario.pid('b');
  expect(pidsOf(reader.read(false))).toContain(b);
});

test('a process that was scanned stays known after its parent exited, in a session of its own', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`setsid ${SLEEPER} daemon & while [ ! -e go ]; do sleep 0.01; done`);
  const daemon = await scenario.pid('daemon');
  const reader = readerOf({ sidekiq: child.pid });
  reader.read(false);
  writeFileSync(join(scenario.folder, 'go'), '');
  await child.exited;
  for (const exact of [false, true]) {
    expect(reader.read(exact).processes).toMatchObject([{ pid: daemon, child: 'sidekiq', name: 'sleep' }]);
  }
});

test('processes that start and exit during a reading cause no wrong result and no exception', async () => {
  const scenario = new ProcessScenario();
  const busy = scenario.start('exec 2>/dev/null; while :; do sh -c "true & true" & true; done');
  const quiet = scenario.start(`${SLEEPER} a & wait`);
  const a = await scenario.pid('a');
  const reader = readerOf({ sidekiq: busy.pid, puma: quiet.pid });
  for (let turn = 0; turn < 100; turn += 1) {
    const { processes } = reader.read(turn % 20 === 0);
    expect(processes.every(({ bytes, parent }) => Number.isSafeInteger(bytes + parent) && bytes >= 0)).toBe(true);
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(processes.length);
    const ofPuma = processes.filter(({ child }) => child === 'puma').map(({ pid }) => pid);
    expect(ofPuma.sort()).toEqual([quiet.pid, a].sort());
  }
});

test('the usage of the cgroup is read too', () => {
  const folder = tempFolder();
  const reader = memoryReader(() => [], { version: 1, folder }, clock);
  expect(reader?.read(false).cgroupBytes).toBeNull();
  writeFileSync(join(folder, 'memory.usage_in_bytes'), '100\n');
  writeFileSync(join(folder, 'memory.stat'), 'total_inactive_file 10\ntotal_active_file 20\n');
  expect(reader?.read(false).cgroupBytes).toBe(70);
});

test('calls back when memory.events changes, if that file exists', async () => {
  const folder = tempFolder();
  let calls = 0;
  const count = (): void => void (calls += 1);
  onMemoryPressure({ version: 2, folder }, count)();
  for (const cgroup of [null, { version: 1 as const, folder }]) onMemoryPressure(cgroup, count)();
  writeFileSync(join(folder, 'memory.events'), 'high 0\n');
  const cancel = memoryReader(() => [], { version: 2, folder }, clock)?.onPressure(count);
  writeFileSync(join(folder, 'memory.events'), 'high 1\n');
  await eventually(() => expect(calls).toBeGreaterThan(0));
  cancel?.();
});

test('calls back when a real file of the kernel changes', async ({ skip }) => {
  const folder = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
    .filter((mount) => existsSync(join(mount, 'cgroup.procs')))
    .map((mount) => join(mount, `mstdn-supervise-events-${process.pid}`))
    .find(makeFolder);
  if (folder === undefined) return skipOrFail(skip, 'no cgroup of version 2 can be made here');
  onTestFinished(() => eventually(() => rmdirSync(folder)));
  const scenario = new ProcessScenario();
  const child = scenario.start('exec sleep 1000');
  let calls = 0;
  onTestFinished(onFileChange(join(folder, 'cgroup.events'), () => (calls += 1)));
  writeFileSync(join(folder, 'cgroup.procs'), String(child.pid));
  await eventually(() => expect(calls).toBeGreaterThan(0));
  child.signal('SIGKILL');
  await child.exited;
});

function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

test('there may be a new process when the last pid has changed since the last reading', () => {
  let newest: number | null = 100;
  const scenario = new ProcessScenario();
  const child = scenario.start('exec sleep 1000');
  const reader = readerOf({ puma: child.pid }, () => newest);
  reader.read(false);
  expect(reader.hasNewProcess()).toBe(false);
  newest = 101;
  expect(reader.hasNewProcess()).toBe(true);
  reader.read(false);
  expect(reader.hasNewProcess()).toBe(false);
  newest = null;
  expect(reader.hasNewProcess()).toBe(false);
});
