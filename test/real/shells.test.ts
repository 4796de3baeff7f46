import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { binary, tempFolder, type Dyno, type End } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { enqueue, expectNoneLost, inHand } from './jobs.ts';
import { get, lastLine, ready, startInstance } from './instance.ts';

const SH: [string, ...string[]] = ['/bin/sh', '-c', 'mstdn-supervise web'];

test.each<[string, [string, ...string[]]]>([
  ["bash -lc with `trap '' SIGTERM` left in .profile", ['bash', '-lc', 'mstdn-supervise web']],
  ['bash -c exec $(eval echo …)', ['bash', '-c', 'exec $(eval echo mstdn-supervise web)']],
])('%s: SIGTERM to all drains, exit code 0', async (_, command) => {
  expect(await drained(command, (dyno) => dyno.signalAll('SIGTERM'))).toEqual({ code: 0, signal: null });
});

test('/bin/sh -c: SIGTERM to all drains, although dash itself does not wait for it', async () => {
  expect(await drained(SH, (dyno) => dyno.signalAll('SIGTERM'))).toEqual(endOfShell());
});

test('/bin/sh -c: SIGTERM to the shell alone drains as well, although dash does not forward it', async () => {
  expect(await drained(SH, (dyno) => dyno.signal('SIGTERM'))).toEqual(endOfShell());
});

/** Returns the exit of the first process. Expects the supervisor to exit with 0, and no job and no request to be lost. */
async function drained(command: [string, ...string[]], stop: (dyno: Dyno) => void): Promise<End> {
  const HOME = home();
  const PATH = `${join(HOME, 'bin')}:${process.env.PATH ?? ''}`;
  const instance = await startInstance({ command, env: { HOME, PATH, RUN_WORKER: 'true' } });
  const { dyno, redis, port } = instance;
  await ready(instance);
  const jobs = enqueue(redis, 8, 'RecordedWorker', 2);
  const slow = get(port, '/slow?seconds=2');
  await dyno.waitForOutput(/Started GET "\/slow/);
  await inHand(redis, 5);
  stop(dyno);
  const [end, answer] = await Promise.all([dyno.exited, slow]); // once every writer of the output has exited
  await eventually(() => expect(dyno.scan()).toEqual([]), 2000); // the output closes a moment before the process is gone
  expect(answer).toMatchObject({ status: 200 });
  expect(lastLine(dyno)).toMatch(/asked to stop.*exit code 0$/);
  expectNoneLost(redis, jobs);
  return end;
}

/** dash stays as the supervisor's parent, and the signal kills it. bash and others replace themselves with the last command of -c. */
function endOfShell(): End {
  const isDash = realpathSync('/bin/sh').endsWith('dash');
  return isDash ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null };
}

/** A home folder whose .profile still ignores SIGTERM, as the shell line needed it. */
function home(): string {
  const folder = tempFolder();
  mkdirSync(join(folder, 'bin'));
  symlinkSync(binary, join(folder, 'bin/mstdn-supervise'));
  symlinkSync(process.execPath, join(folder, 'bin/node'));
  writeFileSync(join(folder, '.profile'), `PATH="$HOME/bin:$PATH"\ntrap '' SIGTERM\n`);
  return folder;
}
