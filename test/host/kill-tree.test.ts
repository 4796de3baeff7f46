import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findCommand } from '../../src/host/find-command.ts';
import { killTree } from '../../src/host/kill-tree.ts';
import { tempFolder } from '../harness/dyno.ts';
import { alive } from '../harness/processes.ts';
import { Family, SLEEPER } from './family.ts';

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
