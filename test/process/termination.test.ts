import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ProcessRow, readProcess } from '../../src/linux/processes.ts';
import { findCommand } from '../../src/process/find-command.ts';
import { Termination, killTree } from '../../src/process/termination.ts';
import { FakeClock } from '../fakes/clock.ts';
import { tempFolder } from '../harness/dyno.ts';
import { alive } from '../harness/processes.ts';
import { ProcessScenario, SLEEPER } from './process-scenario.ts';

test('KILL is sent even if a scan takes longer than the time that is left', async () => {
  const scenario = new ProcessScenario();
  scenario.start(`exec ${SLEEPER} a`);
  const pid = await scenario.pid('a');
  const clock = new FakeClock();
  const findLiving = (): ProcessRow[] => {
    clock.leap(1000);
    return [readProcess(pid)].filter((row) => row !== null);
  };
  const termination = new Termination(clock, () => false);
  expect(await termination.terminateAll(findLiving, () => 0)).toEqual({ ended: [], killed: [`sleep (pid ${pid})`] });
  await scenario.gone(pid);
});

test('a process that was forked at our TERM and missed by one scan gets its own TERM', async () => {
  const scenario = new ProcessScenario();
  scenario.start(`exec ${SLEEPER} first`);
  scenario.start(`exec ${SLEEPER} second`);
  const [first, second] = [await scenario.pid('first'), await scenario.pid('second')];
  const scans = [[first], [], [second]];
  const findLiving = (): ProcessRow[] => (scans.shift() ?? []).flatMap((pid) => readProcess(pid) ?? []);
  const clock = new FakeClock();
  const ended = new Termination(clock, () => false).terminateAll(findLiving, () => 60_000);
  await clock.advance(1000);
  expect(await ended).toEqual({ ended: [`sleep (pid ${first})`, `sleep (pid ${second})`], killed: [] });
  for (const pid of [first, second]) await scenario.gone(pid);
});

const TREE = `${SLEEPER} a & setsid ${SLEEPER} b & sh -c 'sleep 1000; :' & ${SLEEPER} c & wait`;

function setPath(path: string): void {
  const before = process.env.PATH;
  onTestFinished(() => void (process.env.PATH = before));
  process.env.PATH = path;
}

test('killTree kills a process and its descendants, and no other', async () => {
  const [scenario, unrelated] = [new ProcessScenario(), new ProcessScenario()];
  const child = scenario.start(TREE);
  unrelated.start(`${SLEEPER} other & wait`);
  const pids = [await scenario.pid('a'), await scenario.pid('b'), await scenario.pid('c')];
  const other = await unrelated.pid('other');
  await killTree(child.pid);
  await child.exited; // perhaps by itself, because it waits for children that are killed first
  for (const pid of pids) await scenario.gone(pid);
  expect(alive(other)).toBe(true);
});

test('killTree of a process that has exited is no error', async () => {
  const child = new ProcessScenario().start('true');
  await child.exited;
  await expect(killTree(child.pid)).resolves.toBeUndefined();
});

test.each(['', '/no/such/folder'])('killTree without ps on PATH=%j does nothing', async (path) => {
  const scenario = new ProcessScenario();
  const child = scenario.start(`exec ${SLEEPER} a`);
  const pid = await scenario.pid('a');
  setPath(path);
  await killTree(child.pid);
  expect(alive(pid)).toBe(true);
});

test('killTree needs no other command than ps on PATH', async () => {
  const folder = tempFolder();
  const ps = findCommand('ps', process.env.PATH, '/');
  symlinkSync('path' in ps ? ps.path : '', join(folder, 'ps'));
  const child = new ProcessScenario().start('sleep 1000; :');
  setPath(folder);
  await killTree(child.pid);
  expect((await child.exited).kind).not.toBe('not-started');
});
