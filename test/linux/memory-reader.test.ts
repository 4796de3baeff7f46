import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { MemoryReader, MemoryReading } from '../../src/host.ts';
import { onChange, onMemoryPressure } from '../../src/linux/cgroup.ts';
import { memoryReader } from '../../src/linux/memory-reader.ts';
import { readMemoryUse } from '../../src/linux/process-memory.ts';
import { readProcess } from '../../src/linux/processes.ts';
import { clock } from '../../src/process/clock.ts';
import { ProcessTracker } from '../../src/process/process-tracker.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { without } from '../harness/without.ts';
import { Family, SLEEPER } from '../process/process-family.ts';

const MB = 2 ** 20;

/** A reader of the trees of these children, by their pids. */
function readerOf(children: Record<string, number>, newestPid?: () => number | null): MemoryReader {
  const families = new ProcessTracker('');
  for (const [child, pid] of Object.entries(children)) families.add(pid, child);
  const reader = memoryReader(() => families.scan(), null, clock, newestPid);
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
function tells(name: string): string {
  return `open P, ">", "${name}.pid"; print P $$; close P;`;
}

/** Perl: goes on when there is a file of that name. */
function waitsFor(file: string): string {
  return `select undef, undef, undef, 0.01 until -e "${file}";`;
}

test('forks that share their memory: counted once, where RSS counts it five times', async () => {
  const family = new Family();
  const idle = 'sleep 1000 while 1';
  const fork = `for my $n (1..4) { fork or do { ${tells('$n')} ${idle} } }`;
  const child = family.start(`exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${fork} ${tells('all')} ${idle}'`);
  const pids = [child.pid, ...(await Promise.all(['1', '2', '3', '4'].map((name) => family.pidOf(name))))];
  await family.pidOf('all');
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

test('after an exact reading the quick ones follow what grows, and a fork that writes to what it shares', async () => {
  const family = new Family();
  const grow = `$y = "y" x ($n / 2);`;
  const fork = `fork or do { ${waitsFor('grow')} ${grow} ${tells('grown')} ${waitsFor('write')} substr($x, 4096 * $_, 1) = "z" for 0..(length($x) / 4096 - 1); ${tells('written')} sleep 1000 };`;
  const child = family.start(`exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${fork} ${tells('all')} sleep 1000'`);
  await family.pidOf('all');
  const reader = readerOf({ puma: child.pid });
  await eventually(() => expect(pidsOf(reader.read(true))).toHaveLength(2));
  const before = sum(reader.read(true));
  writeFileSync(join(family.folder, 'grow'), '');
  await family.pidOf('grown');
  expect(sum(reader.read(false)) - before).toBeGreaterThan(29);
  expect(sum(reader.read(false)) - before).toBeLessThan(70);
  writeFileSync(join(family.folder, 'write'), '');
  await family.pidOf('written');
  expect(sum(reader.read(true)) - before).toBeGreaterThan(29 + 55);
});

test('each process with its child, its parent, its name and the file that it runs', async () => {
  const family = new Family();
  const puma = family.start(`${SLEEPER} a & wait`);
  const sidekiq = family.start(`exec perl -e '$0 = "sidekiq [0 of 5 busy]"; ${tells('s')} sleep 1000'`);
  const pid = await family.pid('a');
  await family.pidOf('s');
  const { processes, ownBytes, cgroupBytes, costMs } = readerOf({ puma: puma.pid, sidekiq: sidekiq.pid }).read(true);
  const a = processes.find((one) => one.pid === pid);
  expect(a).toMatchObject({ child: 'puma', parent: puma.pid, name: 'sleep', program: 'sleep' });
  expect(a?.started).toBe(readProcess(pid)?.started);
  expect(processes.find((one) => one.pid === sidekiq.pid)).toMatchObject({ child: 'sidekiq', program: 'perl' });
  expect(processes.map(({ child }) => child).sort()).toEqual(['puma', 'puma', 'sidekiq']);
  expect(ownBytes).toBeGreaterThan(5 * MB);
  expect(cgroupBytes).toBeNull();
  expect(costMs).toBeGreaterThan(0);
});

test('who comes is seen by the next quick reading, and who becomes another program is weighed anew', async () => {
  const family = new Family();
  const becomes = `${tells('b')} ${waitsFor('exec')} exec "sleep", "1000"`;
  const child = family.start(
    `exec perl -e '$n = ${60 * MB}; $x = "x" x $n; ${tells('a')} ${waitsFor('fork')} fork or do { ${becomes} }; sleep 1000'`,
  );
  await family.pidOf('a');
  const reader = readerOf({ sidekiq: child.pid });
  expect(pidsOf(reader.read(false))).toEqual([child.pid]);
  writeFileSync(join(family.folder, 'fork'), '');
  const pid = await family.pidOf('b');
  expect(pidsOf(reader.read(false))).toEqual([child.pid, pid].sort((a, b) => a - b));
  reader.read(true);
  writeFileSync(join(family.folder, 'exec'), '');
  await family.pid('b');
  const [became] = reader.read(false).processes.filter((one) => one.pid === pid);
  expect(became).toMatchObject({ name: 'sleep', program: 'sleep' });
  expect(became?.bytes).toBeGreaterThan(0);
  expect(became?.bytes).toBeLessThan(5 * MB);
});

test('a last pid that stands still is believed until an exact reading finds somebody new', async () => {
  const family = new Family();
  const later = (name: string): string => `while [ ! -e go-${name} ]; do sleep 0.01; done; ${SLEEPER} ${name} &`;
  const child = family.start(`${later('b')} ${later('c')} wait`);
  const reader = readerOf({ puma: child.pid }, () => 7);
  reader.read(false);
  writeFileSync(join(family.folder, 'go-b'), '');
  const b = await family.pid('b');
  expect(pidsOf(reader.read(false))).not.toContain(b);
  expect(pidsOf(reader.read(true))).toContain(b);
  writeFileSync(join(family.folder, 'go-c'), '');
  const c = await family.pid('c');
  expect(pidsOf(reader.read(false))).toContain(c);
});

test('without a last pid every reading looks for itself', async () => {
  const family = new Family();
  const child = family.start(`while [ ! -e go ]; do sleep 0.01; done; ${SLEEPER} b & wait`);
  const reader = readerOf({ puma: child.pid }, () => null);
  reader.read(false);
  writeFileSync(join(family.folder, 'go'), '');
  const b = await family.pid('b');
  expect(pidsOf(reader.read(false))).toContain(b);
});

test('who was seen once stays ours, though its parent is gone and its session is its own', async () => {
  const family = new Family();
  const child = family.start(`setsid ${SLEEPER} daemon & while [ ! -e go ]; do sleep 0.01; done`);
  const daemon = await family.pid('daemon');
  const reader = readerOf({ sidekiq: child.pid });
  reader.read(false);
  writeFileSync(join(family.folder, 'go'), '');
  await child.exited;
  for (const exact of [false, true]) {
    expect(reader.read(exact).processes).toMatchObject([{ pid: daemon, child: 'sidekiq', name: 'sleep' }]);
  }
});

test('many that come and go while it reads: nobody is made up, nothing is thrown', async () => {
  const family = new Family();
  const busy = family.start('exec 2>/dev/null; while :; do sh -c "true & true" & true; done');
  const quiet = family.start(`${SLEEPER} a & wait`);
  const a = await family.pid('a');
  const reader = readerOf({ sidekiq: busy.pid, puma: quiet.pid });
  for (let turn = 0; turn < 100; turn += 1) {
    const { processes } = reader.read(turn % 20 === 0);
    expect(processes.every(({ bytes, parent }) => Number.isSafeInteger(bytes + parent) && bytes >= 0)).toBe(true);
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(processes.length);
    const ofPuma = processes.filter(({ child }) => child === 'puma').map(({ pid }) => pid);
    expect(ofPuma.sort()).toEqual([quiet.pid, a].sort());
  }
});

test('the cgroup counts for itself', () => {
  const folder = tempFolder();
  const reader = memoryReader(() => [], { version: 1, folder }, clock);
  expect(reader?.read(false).cgroupBytes).toBeNull();
  writeFileSync(join(folder, 'memory.usage_in_bytes'), '100\n');
  writeFileSync(join(folder, 'memory.stat'), 'total_inactive_file 10\ntotal_active_file 20\n');
  expect(reader?.read(false).cgroupBytes).toBe(70);
});

test('hears of a shortage by memory.events, where there is one', async () => {
  const folder = tempFolder();
  let times = 0;
  const count = (): void => void (times += 1);
  onMemoryPressure({ version: 2, folder }, count)();
  for (const cgroup of [null, { version: 1 as const, folder }]) onMemoryPressure(cgroup, count)();
  writeFileSync(join(folder, 'memory.events'), 'high 0\n');
  const cancel = memoryReader(() => [], { version: 2, folder }, clock)?.onPressure(count);
  writeFileSync(join(folder, 'memory.events'), 'high 1\n');
  await eventually(() => expect(times).toBeGreaterThan(0));
  cancel?.();
});

test("the kernel's own files tell of their changes", async ({ skip }) => {
  const folder = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
    .filter((mount) => existsSync(join(mount, 'cgroup.procs')))
    .map((mount) => join(mount, `mstdn-supervise-events-${process.pid}`))
    .find(isMade);
  if (folder === undefined) return without(skip, 'no cgroup of version 2 can be made here');
  onTestFinished(() => eventually(() => rmdirSync(folder)));
  const family = new Family();
  const child = family.start('exec sleep 1000');
  let times = 0;
  onTestFinished(onChange(join(folder, 'cgroup.events'), () => (times += 1)));
  writeFileSync(join(folder, 'cgroup.procs'), String(child.pid));
  await eventually(() => expect(times).toBeGreaterThan(0));
  child.signal('SIGKILL');
  await child.exited;
});

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

test('a pid that was given since the last reading: there may be a new process', () => {
  let newest: number | null = 100;
  const family = new Family();
  const child = family.start('exec sleep 1000');
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
