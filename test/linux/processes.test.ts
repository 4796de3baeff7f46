import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  hasEnvironment,
  commandLine,
  parseStat,
  readDescendants,
  readProcess,
  readProcesses,
} from '../../src/linux/processes.ts';
import { eventually } from '../harness/eventually.ts';
import { startProgram } from '../process/program.ts';
import { ProcessScenario, SLEEPER } from '../process/process-scenario.ts';

const REST = '0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0';
const stat = (name: string, state = 'S'): string => `12 (${name}) ${state} 3 4 5 ${REST}\n`;

test.each(['sh', 'a b', ') ', 'a) S 9 9 9', '((', '))', '', ' ', 'a\nb', '\n12 (x) S 1 1 1', '\n', '1 (x', '0'])(
  'parses the name %j',
  (name) => {
    const row = { pid: 12, parent: 3, session: 5, started: '4711', name, zombie: false };
    expect(parseStat(stat(name))).toEqual(row);
    expect(parseStat(stat(name).trimEnd())).toEqual(row);
  },
);

test('parses all fields after any name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 15 }), (name) => {
      expect(parseStat(stat(name))).toMatchObject({ pid: 12, parent: 3, session: 5, started: '4711', name });
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['R', false],
  ['S', false],
  ['D', false],
  ['T', false],
  ['t', false],
  ['I', false],
  ['Z', true],
  ['X', true],
])('state %s: zombie %s', (state, zombie) => {
  expect(parseStat(stat('sh', state))?.zombie).toBe(zombie);
});

test.each(['', '\n', '12', '12 (sh)', '12 (sh) S', '12 (sh) S 3 4 5', 'x (sh) S 3 4 5 6', '(sh) S 1', '12 sh S 3 4 5'])(
  '%j is not a process',
  (text) => {
    expect(parseStat(text)).toBeNull();
  },
);

test('any text causes no exception', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseStat(text)));
});

test('finds its own process in the table', () => {
  const ownStat = readFileSync('/proc/self/stat', 'latin1').split(' ');
  const expected = { pid: process.pid, parent: process.ppid, session: Number(ownStat[5]), zombie: false };
  expect(readProcess(process.pid)).toMatchObject(expected);
  expect(readProcesses().filter(({ pid }) => pid === process.pid)).toEqual([readProcess(process.pid)]);
  expect(new Set(readProcesses().map(({ pid }) => pid)).size).toBeGreaterThan(2);
});

test('a process that has exited is not found', async () => {
  const child = new ProcessScenario().start('true');
  await child.exited;
  expect(readProcess(child.pid)).toBeNull();
  expect(readDescendants(child.pid)).toEqual([]);
  expect(commandLine(child.pid)).toEqual([]);
  expect(hasEnvironment(child.pid, 'PATH')).toBe(false);
});

test('finds descendants of every generation, and no other process', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`${SLEEPER} a & sh -c "${SLEEPER.replaceAll('$', '\\$')} b; :" & wait`);
  const expected = [await scenario.pid('a'), await scenario.pid('b')];
  const seen = readDescendants(child.pid);
  expect(seen.map(({ pid }) => pid)).toEqual(expect.arrayContaining(expected));
  expect(seen).toHaveLength(3);
});

test('finds the children of every thread', async () => {
  const program = startProgram('threads');
  const [, pids = ''] = await program.waitForOutput(/children (.*)\n/);
  const seen = readDescendants(program.pid).map(({ pid }) => String(pid));
  expect(pids.split(' ')).toHaveLength(3);
  expect(seen.sort()).toEqual(pids.split(' ').sort());
});

test('finds 1000 children', async () => {
  const scenario = new ProcessScenario();
  const fork = `fork or do { $SIG{TERM} = "DEFAULT"; sleep 1000; exit } for 1..1000; print STDERR ""; sleep 1000`;
  const child = scenario.start(`exec perl -e 'setpgrp; ${fork}'`);
  const rows = await eventually(() => {
    const children = readProcesses().filter(({ parent }) => parent === child.pid);
    if (children.length < 1000) throw new Error(`only ${children.length} children`);
    return children;
  });
  const seen = readDescendants(child.pid);
  process.kill(-child.pid, 'SIGKILL');
  expect(seen).toHaveLength(1000);
  expect(new Set(seen.map(({ pid }) => pid))).toEqual(new Set(rows.map(({ pid }) => pid)));
});

test('hasEnvironment compares whole variables', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`FAR=AWAY LONG='${'x'.repeat(100_000)}' ${SLEEPER} a & wait`);
  const pid = await scenario.pid('a');
  expect(child.pid).not.toBe(pid);
  for (const variable of [scenario.marker, 'FAR=AWAY']) expect(hasEnvironment(pid, variable)).toBe(true);
  for (const variable of ['AR=AWAY', 'FAR=AWA', 'FAR', 'FAR=AWAYS', 'far=away']) {
    expect(hasEnvironment(pid, variable)).toBe(false);
  }
});

test('command lines are split into words', async () => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`exec sh -c 'sleep 1000; :' 'a b' '' 'c
d'`);
  await eventually(() => expect(commandLine(child.pid)).toEqual(['sh', '-c', 'sleep 1000; :', 'a b', '', 'c\nd']));
  const long = scenario.start(`exec sh -c 'sleep 1000; :' '${'x'.repeat(10_000)}'`);
  await eventually(() => expect(commandLine(long.pid)[3]).toHaveLength(10_000));
  process.kill(-long.pid, 'SIGKILL');
  process.kill(-child.pid, 'SIGKILL');
});
