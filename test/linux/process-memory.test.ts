import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  estimate,
  lastPid,
  parseFaults,
  parseLoad,
  parseRollup,
  parseStatus,
  programOf,
  readExact,
  readFaults,
  readMemoryUse,
} from '../../src/linux/process-memory.ts';
import { eventually } from '../harness/eventually.ts';
import { ProcessScenario, SLEEPER } from '../process/process-scenario.ts';

const MB = 2 ** 20;
const STATUS = `Name:\tconvert
State:\tR (running)
Pid:\t12
PPid:\t11
Groups:\t0 1
VmRSS:\t     100 kB
RssAnon:\t      60 kB
RssFile:\t      30 kB
RssShmem:\t      10 kB
VmSwap:\t       7 kB
Threads:\t1
`;
const USE = { name: 'convert', parent: 11, anonBytes: 61_440, fileBytes: 30_720, shmemBytes: 10_240, swapBytes: 7168 };

describe('status', () => {
  test('all figures', () => {
    expect(parseStatus(Buffer.from(STATUS))).toEqual(USE);
    expect(estimate(USE)).toBe(77 * 1024);
  });

  test.each([
    ['a kernel without swap', STATUS.replace(/^VmSwap.*\n/m, ''), { ...USE, swapBytes: 0 }],
    [
      'a name that looks like a row',
      STATUS.replace('convert', 'PPid:\t9\\nPPid:\\\\n'),
      { ...USE, name: 'PPid:\t9\nPPid:\\n' },
    ],
    ['no name', STATUS.replace('convert', ''), { ...USE, name: '' }],
    ['a zombie: no memory', STATUS.replace(/^(Vm|Rss).*\n/gm, ''), null],
    ['no parent', STATUS.replace('PPid', 'QPid'), null],
    ['a text as figure', STATUS.replace('60', 'many'), null],
    ['a negative figure', STATUS.replace('60', '-60'), null],
    ['an impossibly large figure', STATUS.replace('60', '9'.repeat(16)), null],
    ['a figure on the next line', STATUS.replace('      60', '\n60'), null],
    ['cut short', STATUS.slice(0, STATUS.indexOf('RssShmem')), null],
    ['an empty text', '', null],
    ['a meaningless text', '\0\n:\n', null],
  ])('%s', (_, text, use) => {
    expect(parseStatus(Buffer.from(text))).toEqual(use);
  });
});

describe('smaps_rollup', () => {
  const ROLLUP = `55d3c6a26000-7ffeece04000 ---p 00000000 00:00 0                          [rollup]
Rss:                1692 kB
Pss:                 458 kB
Pss_Dirty:           112 kB
Swap:                 90 kB
SwapPss:              40 kB
`;
  test.each([
    ['memory and swap', ROLLUP, 498 * 1024],
    ['a kernel without swap', ROLLUP.replace(/^Swap.*\n/gm, ''), 458 * 1024],
    ['no Pss, but a longer label', ROLLUP.replace('Pss: ', 'Pss_Anon: '), null],
    ['a text as figure', ROLLUP.replace('458', 'x'), null],
    ['an empty text', '', null],
  ])('%s', (_, text, bytes) => {
    expect(parseRollup(Buffer.from(text))).toBe(bytes);
  });
});

test.each([
  ['0.30 0.25 1.14 1/84 14392\n', 14_392],
  ['0.30 0.25 1.14 1/84 0\n', null],
  ['0.00 0.00 0.00 0/0', null],
  ['0.30 0.25 1.14 1/84 -1', null],
  ['0.30 0.25 1.14 1/84 x', null],
  ['', null],
])('the last pid of %j', (text, pid) => {
  expect(parseLoad(text)).toBe(pid);
});

test.each([
  ['12 (sh) S 3 4 5 0 -1 4194304 321 7 0 0\n', 321],
  ['12 (a) S 9 9 9 9 9 9 9) S 3 4 5 0 -1 4194304 321 7\n', 321],
  ['12 (sh) S 3 4 5', NaN],
  ['', NaN],
])('the faults of %j', (text, faults) => {
  expect(parseFaults(text)).toBe(faults);
});

test('any text gives null or a number, and no exception', () => {
  const rows = fc
    .array(
      fc.tuple(
        fc.constantFrom('Name', 'PPid', 'RssAnon', 'RssFile', 'RssShmem', 'VmSwap', 'Pss', 'SwapPss'),
        fc.oneof(
          fc.nat().map((kilo) => `${kilo} kB`),
          fc.string(),
        ),
      ),
    )
    .map((all) => all.map(([name, value]) => `${name}:\t${value}`).join('\n'));
  fc.assert(
    fc.property(fc.oneof(rows, fc.string({ unit: 'binary' })), (text) => {
      const use = parseStatus(Buffer.from(text));
      const figures = [use === null ? 0 : estimate(use), parseRollup(Buffer.from(text)) ?? 0, parseLoad(text) ?? 0];
      expect(figures.every((figure) => Number.isSafeInteger(figure) && figure >= 0)).toBe(true);
      expect(parseFaults(text)).not.toBeLessThan(0);
    }),
    { numRuns: 500 },
  );
});

test('reads its own process', () => {
  const use = readMemoryUse(process.pid);
  expect(use).toMatchObject({ parent: process.ppid });
  expect(use?.anonBytes).toBeGreaterThan(5 * MB);
  const { rss } = process.memoryUsage();
  expect(readExact(process.pid)).toBeGreaterThan(5 * MB);
  expect(readExact(process.pid)).toBeLessThan(rss + 50 * MB);
  expect(programOf(process.pid)).toBe('node');
  expect(readFaults(process.pid)).toBeGreaterThan(100);
});

test('an exited process and a zombie have no memory', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start('true');
  await child.exited;
  scenario.start(
    `exec perl -e 'if ($pid = fork) { open P, ">", "zombie.pid"; print P $pid; close P; sleep 1000 } exit'`,
  );
  const zombie = await scenario.pidOf('zombie');
  await scenario.gone(zombie);
  for (const pid of [child.pid, zombie]) {
    expect([readMemoryUse(pid), readExact(pid), programOf(pid), readFaults(pid) >= 0 ? 'some' : 'none']).toEqual([
      null,
      null,
      null,
      pid === zombie ? 'some' : 'none',
    ]);
  }
});

test('the program is the name of the file, even after it was deleted', async () => {
  const scenario = new ProcessScenario();
  const started = scenario.start(`cp "$(command -v sleep)" "sleep here"; "./sleep here" 1000 & echo $! > s.pid; wait`);
  const pid = await scenario.pidOf('s');
  await eventually(() => expect(programOf(pid)).toBe('sleep here'));
  const deleter = scenario.start(`rm "sleep here"`);
  await deleter.exited;
  expect(programOf(pid)).toBe('sleep here');
  expect(readMemoryUse(pid)?.name).toBe('sleep here');
  process.kill(pid, 'SIGKILL');
  await started.exited;
});

test('a new process changes the last pid', async () => {
  const before = lastPid();
  const scenario = new ProcessScenario();
  scenario.start(`${SLEEPER} a & wait`);
  await scenario.pid('a');
  expect(before).not.toBeNull();
  expect(lastPid()).not.toBe(before);
});
