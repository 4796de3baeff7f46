import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { justStarted, ofDyno } from '../harness/processes.ts';

test('a stranger who has got the number of an ended dyno is not taken for it', () => {
  const { pid = 0 } = sleeper();
  expect(ofDyno('no such marker', new Map([[pid, 'at another time']]))).toEqual([]);
});

test('the first process of a dyno is known without its marker from its first moment on', () => {
  const { pid } = sleeper();
  expect(ofDyno('no such marker', justStarted(pid))).toEqual([pid]);
});

function sleeper(): ReturnType<typeof spawn> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
