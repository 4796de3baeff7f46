import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type ProcessRow, readProcess } from '../../src/linux/processes.ts';
import { findCommand } from '../../src/process/find-command.ts';
import { Termination, killTree } from '../../src/process/termination.ts';
import { FakeClock } from '../fakes/clock.ts';
import { tempFolder } from '../harness/dyno.ts';
import { alive } from '../harness/processes.ts';
import { Family, SLEEPER } from './process-family.ts';

test('a look that takes longer than all the time that is left still ends in the KILL', async () => {
  const family = new Family();
  family.start(`exec ${SLEEPER} a`);
  const pid = await family.pid('a');
  const clock = new FakeClock();
  const living = (): ProcessRow[] => {
    clock.leap(1000);
    return [readProcess(pid)].filter((row) => row !== null);
  };
  const ending = new Termination(clock, () => false);
  expect(await ending.terminateAll(living, () => 0)).toEqual({ ended: [], killed: [`sleep (pid ${pid})`] });
  await family.gone(pid);
});

test('an heir that came with our TERM, and that a look missed, gets its own TERM', async () => {
  const family = new Family();
  family.start(`exec ${SLEEPER} first`);
  family.start(`exec ${SLEEPER} heir`);
  const [first, heir] = [await family.pid('first'), await family.pid('heir')];
  const looks = [[first], [], [heir]];
  const living = (): ProcessRow[] => (looks.shift() ?? []).flatMap((pid) => readProcess(pid) ?? []);
  const clock = new FakeClock();
  const ended = new Termination(clock, () => false).terminateAll(living, () => 60_000);
  await clock.advance(1000);
  expect(await ended).toEqual({ ended: [`sleep (pid ${first})`, `sleep (pid ${heir})`], killed: [] });
  for (const pid of [first, heir]) await family.gone(pid);
});

const DEEP = `${SLEEPER} a & setsid ${SLEEPER} b & sh -c 'sleep 1000; :' & ${SLEEPER} c & wait`;

function setPath(path: string): void {
  const before = process.env.PATH;
  onTestFinished(() => void (process.env.PATH = before));
  process.env.PATH = path;
}

test('kills a process and what comes from it, and nobody else', async () => {
  const [family, strangers] = [new Family(), new Family()];
  const child = family.start(DEEP);
  strangers.start(`${SLEEPER} stranger & wait`);
  const pids = [await family.pid('a'), await family.pid('b'), await family.pid('c')];
  const stranger = await strangers.pid('stranger');
  await killTree(child.pid);
  await child.exited; // by itself, perhaps, since it waits for those that are killed first
  for (const pid of pids) await family.gone(pid);
  expect(alive(stranger)).toBe(true);
});

test('a process that is gone is no error', async () => {
  const child = new Family().start('true');
  await child.exited;
  await expect(killTree(child.pid)).resolves.toBeUndefined();
});

test.each(['', '/no/such/folder'])('without ps on PATH=%j it does nothing, and nobody is hurt', async (path) => {
  const family = new Family();
  const child = family.start(`exec ${SLEEPER} a`);
  const pid = await family.pid('a');
  setPath(path);
  await killTree(child.pid);
  expect(alive(pid)).toBe(true);
});

test('a folder of PATH that has nothing but ps is enough', async () => {
  const folder = tempFolder();
  const ps = findCommand('ps', process.env.PATH, '/');
  symlinkSync('path' in ps ? ps.path : '', join(folder, 'ps'));
  const child = new Family().start('sleep 1000; :');
  setPath(folder);
  await killTree(child.pid);
  expect((await child.exited).kind).not.toBe('not-started');
});
