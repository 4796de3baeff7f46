import { closeSync, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOpenFiles } from '../../src/host/open-files.ts';

test('the limit of open files, and how many are open', () => {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  const before = readOpenFiles();
  const opened = [1, 2, 3].map(() => openSync('/dev/null', 'r'));
  const after = readOpenFiles();
  for (const fd of opened) closeSync(fd);
  expect(before?.limit).toBe(Number(soft));
  expect(after?.open).toBe((before?.open ?? NaN) + 3);
});
