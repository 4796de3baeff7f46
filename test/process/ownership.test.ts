import { spawn, type ChildProcess } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { commandLine, firstSeen, findDynoPids, processTable } from '../harness/processes.ts';
import { RunProcesses } from '../harness/run-processes.ts';

test('an unrelated process that has the reused pid of a dyno does not belong to it', () => {
  const { pid = 0 } = start('sleep', '1000');
  expect(findDynoPids('no such marker', new Map([[pid, 'another start time']]))).toEqual([]);
});

test('the first process of a dyno is known without its marker from the start', () => {
  const { pid } = start('sleep', '1000');
  expect(findDynoPids('no such marker', firstSeen(pid))).toEqual([pid]);
});

test('an unrelated session leader that has the reused pid of a process of the run does not belong to it', async () => {
  const pid = await startSessionLeader();
  const run = new RunProcesses('no such marker', new Map([[pid, 'another start time']]));
  expect(run.describeLiving()).toEqual([]);
});

test('a process of the run that was scanned is known without its marker', async () => {
  const pid = await startSessionLeader();
  const { started = '' } = processTable().find((row) => row.pid === pid) ?? {};
  const run = new RunProcesses('no such marker', new Map([[pid, started]]));
  expect(run.describeLiving()).toEqual([expect.stringContaining(`process ${pid} sleep 1000 (of no dyno`)]);
});

/** Starts a process that leads a session and is not our child. */
async function startSessionLeader(): Promise<number> {
  const { pid: shell } = start('sh', '-c', 'setsid sleep 1000 & wait');
  const { pid } = await eventually(() => {
    const leader = processTable().find((row) => row.parent === shell && row.session === row.pid);
    if (leader === undefined || !commandLine(leader.pid).startsWith('sleep')) throw new Error('not started yet');
    return leader;
  });
  onTestFinished(() => void process.kill(pid, 'SIGKILL'));
  return pid;
}

function start(file: string, ...args: string[]): ChildProcess {
  const child = spawn(file, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
