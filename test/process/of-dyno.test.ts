import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { ofDyno } from '../harness/processes.ts';

test('a stranger who has got the number of an ended dyno is not taken for it', () => {
  const { pid = 0 } = sleeper();
  expect(ofDyno(pid, 'no such marker', new Map([[pid, 'at another time']]))).toEqual([]);
});

function sleeper(): ReturnType<typeof spawn> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
