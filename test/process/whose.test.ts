import { spawn, type ChildProcess } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { commandLine, justStarted, ofDyno, processTable } from '../harness/processes.ts';
import { RunProcesses } from '../harness/run-processes.ts';

test('a stranger who has got the number of an ended dyno is not taken for it', () => {
  const { pid = 0 } = start('sleep', '1000');
  expect(ofDyno('no such marker', new Map([[pid, 'at another time']]))).toEqual([]);
});

test('the first process of a dyno is known without its marker from its first moment on', () => {
  const { pid } = start('sleep', '1000');
  expect(ofDyno('no such marker', justStarted(pid))).toEqual([pid]);
});

test('a stranger who has got the number of an ended process of a run, and leads a session, is not of the run', async () => {
  const pid = await leader();
  const run = new RunProcesses('no such mark', new Map([[pid, 'at another time']]));
  expect(run.left()).toEqual([]);
});

test('a process of a run that was seen is known again without its mark', async () => {
  const pid = await leader();
  const { started = '' } = processTable().find((row) => row.pid === pid) ?? {};
  const run = new RunProcesses('no such mark', new Map([[pid, started]]));
  expect(run.left()).toEqual([expect.stringContaining(`process ${pid} sleep 1000 (of no dyno`)]);
});

/** A process that leads a session, and is no child of ours. */
async function leader(): Promise<number> {
  const { pid: shell } = start('sh', '-c', 'setsid sleep 1000 & wait');
  const { pid } = await eventually(() => {
    const one = processTable().find((row) => row.parent === shell && row.session === row.pid);
    if (one === undefined || !commandLine(one.pid).startsWith('sleep')) throw new Error('not there yet');
    return one;
  });
  onTestFinished(() => void process.kill(pid, 'SIGKILL'));
  return pid;
}

function start(file: string, ...args: string[]): ChildProcess {
  const child = spawn(file, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
